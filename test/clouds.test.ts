/** The main job in the clouds of Google and Microsoft: a cluster is backed up with its WAL, looked at, and brought back. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startAzurite, type AzuriteServer } from './support/azurite-server.ts'
import { startStrictGcsApart, type StrictGcs } from './support/gcs-emulator-strict.ts'
import { describeRun } from './support/holdfast.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { restoreAndStart } from './support/restored-server.ts'

let azurite: AzuriteServer
let google: Pick<StrictGcs, 'endpoint' | 'stop'>

beforeAll(async () => {
  azurite = await startAzurite()
  google = await startStrictGcsApart()
})
afterAll(async () => {
  await azurite.stop()
  await google.stop()
})

const places = {
  // The emulator of firebase-tools refuses no second write, so `init` would not have it.
  google: () => Promise.resolve({ url: 'gs://bucket/postgres', endpoint: google.endpoint }),
  azure: async () => ({
    url: `az://${await azurite.makeContainer()}/postgres`,
    credentials: { key: azurite.connectionString },
    classes: { wal: 'Cool' },
    tags: { team: 'data' },
  }),
}

describe.each(['google', 'azure'] as const)('in the cloud of %s', name => {
  let lab: Lab

  beforeAll(async () => {
    const place = await places[name]()
    lab = await openLab({
      major: 15,
      build: 'debian',
      repositories: encryption => ({ main: { ...place, encryption } }),
    })
    // Text that hardly compresses: a pack takes several parts.
    await lab.server.query(
      `CREATE TABLE t AS SELECT n, sha512(n::text::bytea) AS a, sha512((-n)::text::bytea) AS b
         FROM generate_series(1, 150000) n`,
    )
  })
  afterAll(() => lab[Symbol.asyncDispose]())

  test('a backup and its WAL are stored, and all of it is whole', async () => {
    await lab.backup()
    await lab.server.query('CREATE TABLE later AS SELECT 1')
    await lab.archiveAll()
    await lab.ok(['verify'])
  })

  test('what is restored has what came after the backup, too', async () => {
    await using restored = await restoreAndStart(lab, [], { build: 'debian' })
    expect(await restored.server.value('SELECT count(*) FROM t')).toBe('150000')
    expect(await restored.server.value('SELECT count(*) FROM later')).toBe('1')
  })

  test('the doctor proves that a second write is refused', async () => {
    const run = await lab.run(['doctor'])
    expect(describeRun(run)).toMatch(/ok +\S+ writes, reads, lists, and refuses a second write/)
  })
})
