/** What drivers say of the way to their storage, before any request is made. */
import { expect, test } from 'vitest'
import { systemWorld } from '../../base/world.ts'
import { openStorage, type StorageDescription } from '../open.ts'
import type { Reach } from '../second-ports.ts'

const sas = 'sv=2024-11-04&sr=c&sp=rl&se=2026-03-08T04:00:00Z&sig=c2VjcmV0'
const shared = { endpoint: 'https://storage.example:8443/' }

async function reachOf(description: StorageDescription): Promise<Reach> {
  const storage = await openStorage(description, systemWorld())
  await storage.close()
  if (!storage.reach) throw new Error('it is on the network')
  return storage.reach
}

test('Azure: the end of a SAS, and an endpoint without it', async () => {
  const credentials = { kind: 'text', text: sas } as const
  const reach = await reachOf({ url: 'az://backups/prefix', access: { ...shared, credentials } })
  expect((await reach.endpoint())?.href).toBe('https://storage.example:8443/')
  expect(await reach.credentialsEnd()).toEqual({
    endMs: Date.parse('2026-03-08T04:00:00Z'),
    isShortLived: false,
  })
})

test('Azure: an account key does not end', async () => {
  const credentials = {
    kind: 'access-key',
    id: 'account',
    secret: Buffer.alloc(64).toString('base64'),
  } as const
  const reach = await reachOf({ url: 'az://backups', access: { credentials } })
  expect((await reach.endpoint())?.href).toBe('https://account.blob.core.windows.net/')
  expect(await reach.credentialsEnd()).toBeUndefined()
})

test('Google: the endpoint; what the SDK has renews itself', async () => {
  const reach = await reachOf({ url: 'gs://backups', access: shared })
  expect((await reach.endpoint())?.href).toBe('https://storage.example:8443/')
  expect(await reach.credentialsEnd()).toBeUndefined()
})

test('S3: the endpoint is known by the first request; an access key does not end', async () => {
  const credentials = { kind: 'access-key', id: 'id', secret: 'secret' } as const
  const reach = await reachOf({ url: 's3://backups', access: { ...shared, credentials } })
  expect(await reach.endpoint()).toBeUndefined()
  expect(await reach.credentialsEnd()).toBeUndefined()
})

test('a folder is not on the way to anywhere', async () => {
  const storage = await openStorage({ url: 'file:///tmp' }, systemWorld())
  expect(storage.reach).toBeUndefined()
  await storage.close()
})
