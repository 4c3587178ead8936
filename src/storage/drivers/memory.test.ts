import { storageContract } from '../../../test/contract/storage-contract.ts'
import { systemWorld } from '../../base/world.ts'
import { openMemoryStorage } from './memory.ts'

storageContract('memory', () => Promise.resolve(openMemoryStorage(systemWorld().clock)), {
  copies: 'proven',
})
