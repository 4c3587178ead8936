/** The proof of `init` and the findings of `doctor`, on servers of Azure's and Google's kind. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemWorld } from '../src/base/world.ts'
import { parseConfig } from '../src/config/load.ts'
import { checkBucket } from '../src/operations/doctor/bucket/check-bucket.ts'
import { racersOfInit, proveWriteOnce } from '../src/operations/setup/prove-write-once.ts'
import { initRepository } from '../src/repository/repository.ts'
import { openStorage, type StorageDescription } from '../src/storage/open.ts'
import { startAzurite, type AzuriteServer } from './support/azurite-server.ts'
import { startGcsEmulator, type GcsEmulator } from './support/gcs-emulator.ts'
import { startStrictGcsApart, type StrictGcs } from './support/gcs-emulator-strict.ts'

const world = systemWorld()
const { signal } = new AbortController()

let azurite: AzuriteServer
let google: GcsEmulator
let strict: Pick<StrictGcs, 'endpoint' | 'stop'>
let testbench: Pick<StrictGcs, 'endpoint' | 'stop'>
beforeAll(async () => {
  azurite = await startAzurite()
  google = await startGcsEmulator()
  strict = await startStrictGcsApart()
  testbench = await startStrictGcsApart({ asTestbench: true })
})
afterAll(async () => {
  await azurite.stop()
  await google.stop()
  await strict.stop()
  await testbench.stop()
})

const inAzure = async (): Promise<StorageDescription> => ({
  url: `az://${await azurite.makeContainer()}/pg`,
  access: { credentials: { kind: 'text', text: azurite.connectionString } },
})
const inGoogle = (endpoint: string): StorageDescription => ({ url: 'gs://bucket/pg', access: { endpoint } })

/** What the doctor says of it, as `init` would have made it. */
async function examine(description: StorageDescription, settings: string): Promise<readonly string[]> {
  const text = `cluster: gathr\npostgres: { connection: x }\nrepositories: { main: { url: "${description.url}", ${settings} } }`
  const config = parseConfig(text, 'x')
  const repository = config.repositories['main']
  if (!repository) throw new Error('the repository is there')
  const storage = await openStorage(description, world)
  try {
    const identity = {
      cluster: 'gathr',
      systemIdentifier: '7',
      postgresMajor: 17,
      walSegmentSizeBytes: 2 ** 24,
    }
    await initRepository(storage, identity, world, signal)
    const findings = await checkBucket(
      { name: 'main', config, repository, storage, description, world },
      signal,
    )
    return findings.map(({ state, message }) => `${state}: ${message}`)
  } finally {
    await storage.close()
  }
}

describe('a second write is refused', () => {
  test.each<[string, () => Promise<StorageDescription>]>([
    ['Azure', inAzure],
    ['Google', () => Promise.resolve(inGoogle(strict.endpoint))],
    ["Google's testbench", () => Promise.resolve(inGoogle(testbench.endpoint))],
  ])('by %s, under sixteen writers', async (_, describeIt) => {
    const storage = await openStorage(await describeIt(), world)
    const proof = await proveWriteOnce(storage, 'gathr', racersOfInit, world, signal)
    await storage.close()
    expect(proof).toEqual({ put: undefined, upload: undefined, tidy: true, unlisted: [] })
  })

  test('and it is found out where a server ignores the condition', async () => {
    const storage = await openStorage(inGoogle(google.endpoint), world)
    let put: unknown
    // Writers that happen to come one after the other are told that it is there already: then they race again.
    for (let races = 0; put === undefined && races < 20; races++)
      ({ put } = await proveWriteOnce(storage, 'gathr', racersOfInit, world, signal))
    await storage.close()
    expect(put).toBeDefined()
  })
})

describe('the doctor', () => {
  test('looks at Azure', async () => {
    const found = await examine(await inAzure(), 'encryption: none')
    expect(found).toContainEqual(
      expect.stringMatching(/^ok: az:.* writes, reads, lists, and refuses a second write/),
    )
    expect(found).toContainEqual(
      expect.stringMatching(/^ok: the credentials for main can write backups, delete/),
    )
    expect(found.filter(line => line.startsWith('problem'))).toEqual([])
  })

  test.each([
    ['Google', () => strict],
    ["Google's testbench", () => testbench],
  ])('looks at %s', async (_, server) => {
    const found = await examine(inGoogle(server().endpoint), 'encryption: none')
    expect(found).toContainEqual(
      expect.stringMatching(/^ok: gs:.* writes, reads, lists, and refuses a second write/),
    )
    expect(found).toContainEqual(
      expect.stringMatching(/^ok: the credentials for main can write backups, delete/),
    )
    expect(found.filter(line => line.startsWith('problem'))).toEqual([])
  })
})
