import { Fault } from '../../base/fault.ts'
import type { World } from '../../base/world.ts'
import type { StorageDescription } from '../open.ts'
import type { Storage } from '../storage.ts'

export function openAzureStorage(
  url: URL,
  _description: StorageDescription,
  _world: World,
): Promise<Storage> {
  return Promise.reject(
    new Fault('STORAGE_UNSUPPORTED', `${url.protocol}// is not there yet`, { hint: 'Use file://.' }),
  )
}
