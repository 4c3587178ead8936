import { afterAll, beforeAll } from 'vitest'
import { storageContract } from '../../../test/contract/storage-contract.ts'
import { startAzurite, type AzuriteServer } from '../../../test/support/azurite-server.ts'
import { systemWorld } from '../../base/world.ts'
import { openAzureStorage } from './azure.ts'

let server: AzuriteServer
beforeAll(async () => {
  server = await startAzurite()
})
afterAll(() => server.stop())

storageContract(
  'Azure Blob Storage, by azurite',
  async () => {
    const url = `az://${await server.makeContainer()}/some/prefix`
    const credentials = { kind: 'text', text: server.connectionString } as const
    return openAzureStorage(new URL(url), { url, access: { credentials } }, systemWorld())
  },
  { large: true, copies: 'proven' },
)
