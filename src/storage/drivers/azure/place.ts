/** Where a repository lies in Azure Blob Storage, and what every request there needs to know. */
import type { BlobRequestConditions, BlockBlobClient, ContainerClient, CpkInfo } from '@azure/storage-blob'
import type { Retry } from '../../../base/retry.ts'
import type { World } from '../../../base/world.ts'
import type { ObjectRule } from '../../open.ts'
import { nameFor } from './names.ts'
import type { Send } from './send.ts'

export interface AzurePlace {
  readonly location: string
  /** Empty, or ending in `/`. */
  readonly prefix: string
  readonly container: ContainerClient
  readonly send: Send
  /** For what the driver itself has to repeat: blocks, and the look after a write. */
  readonly retry: Retry
  readonly world: World
  readonly ruleFor: (key: string) => ObjectRule | undefined
  readonly writeOnce: 'conditional' | 'check'
  readonly asOfMs: number | undefined
  readonly customerProvidedKey: CpkInfo | undefined
  readonly encryptionScope: string | undefined
}

export function blobAt(place: AzurePlace, key: string): BlockBlobClient {
  return place.container.getBlockBlobClient(nameIn(place, key))
}

/** Of a key, or of the beginning of one. */
export function nameIn({ prefix }: AzurePlace, key: string): string {
  return prefix + nameFor(key)
}

/** The key of a customer goes with each request that touches an object's bytes or what is known of them. */
export function keyOf({ customerProvidedKey }: AzurePlace): { customerProvidedKey?: CpkInfo } {
  return customerProvidedKey ? { customerProvidedKey } : {}
}

/** The server refuses to write what is there. */
export function onlyIfFree({ writeOnce }: AzurePlace): { conditions?: BlobRequestConditions } {
  return writeOnce === 'conditional' ? { conditions: { ifNoneMatch: '*' } } : {}
}
