import { afterAll, beforeAll } from 'vitest'
import { storageContract } from '../../../test/contract/storage-contract.ts'
import { startGcsEmulator, type GcsEmulator } from '../../../test/support/gcs-emulator.ts'
import { startStrictGcsApart, type StrictGcs } from '../../../test/support/gcs-emulator-strict.ts'
import { systemWorld } from '../../base/world.ts'
import { openGcsStorage } from './gcs.ts'

const url = 'gs://bucket/some/prefix'

let emulator: GcsEmulator
let strict: Pick<StrictGcs, 'endpoint' | 'stop'>
beforeAll(async () => {
  emulator = await startGcsEmulator()
  strict = await startStrictGcsApart()
})
afterAll(async () => {
  await emulator.stop()
  await strict.stop()
})

storageContract(
  "Google's emulator, looked at before each write",
  () =>
    openGcsStorage(
      new URL(url),
      { url, access: { endpoint: emulator.endpoint, writeOnce: 'check' } },
      systemWorld(),
    ),
  { unconditional: 'the emulator of firebase-tools ignores generation conditions', copies: 'unsupported' },
)

storageContract(
  "Google's API with its conditions",
  () => openGcsStorage(new URL(url), { url, access: { endpoint: strict.endpoint } }, systemWorld()),
  { large: true, copies: 'proven' },
)
