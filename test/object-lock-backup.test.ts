/**
 * The whole way, with a server: what `backup`, `dump`, `archive` and `wal push` leave in a bucket with locks is out of anybody's
 * reach, the keeper's and the owner's included; and who hides it all has hidden nothing.
 */
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectRetentionCommand,
  ListObjectVersionsCommand,
} from '@aws-sdk/client-s3'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { day, minute } from '../src/base/units.ts'
import type { LocksOfRepository } from '../src/cli/describe-locks.ts'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import type { DumpRecord } from '../src/repository/format/dump-record.ts'
import { describeWithCeph } from './support/describe-with-ceph.ts'
import { describeRun, jsonOf } from './support/holdfast.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import {
  grant,
  makeUsers,
  outcome,
  repositoryOf,
  writePolicyConfig,
  type Users,
} from './support/role-users.ts'
import { until } from './support/until.ts'

interface Version {
  readonly key: string
  readonly id: string
}

interface Expired {
  readonly items: readonly { readonly id: string; readonly verdict: string; readonly reasons: unknown }[]
  readonly removed: unknown
}

const lock = { mode: 'compliance', keep: 'policy' }
const retention = { backups: { within: '3d' }, dumps: { within: '2d' }, wal: '2d' }
const year = 365 * day

describeWithCeph('a bucket with locks', server => {
  let bucket: string
  let users: Users
  let lab: Lab
  let backup: BackupRecord
  let dump: DumpRecord

  const versions = async (part: string): Promise<readonly Version[]> => {
    const listing = new ListObjectVersionsCommand({ Bucket: bucket })
    const { Versions = [] } = await server().client().send(listing)
    return Versions.map(({ Key = '', VersionId = '' }) => ({ key: Key, id: VersionId })).filter(({ key }) =>
      key.includes(part),
    )
  }
  const lockOf = async ({ key, id }: Version): Promise<number> => {
    const asking = new GetObjectRetentionCommand({ Bucket: bucket, Key: key, VersionId: id })
    const { Retention } = await server().client().send(asking)
    return Retention?.RetainUntilDate?.getTime() ?? 0
  }
  const destroyed = (who: keyof Users | 'owner', { key, id }: Version): Promise<string> =>
    outcome(() =>
      server()
        .client(who === 'owner' ? undefined : users[who])
        .send(new DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId: id })),
    )
  /** The configuration of a host with the keeper's keys and these rules. */
  const asKeeper = (rules: object): string => {
    const { accessKeyId, secretAccessKey } = users.keeper
    const credentials = { access_key_id: accessKeyId, secret_access_key: secretAccessKey }
    const main = { ...lab.config.repositories['main'], credentials, rights: 'keeper' }
    return lab.writeConfig('keeper.yaml', { repositories: { main }, retention: rules })
  }
  /** Each is locked so long, and can be destroyed by nobody. */
  const expectOutOfReach = async (some: readonly Version[], atLeastMs: (key: string) => number) => {
    for (const version of some) {
      expect(await lockOf(version), version.key).toBeGreaterThan(atLeastMs(version.key) - 5 * minute)
      expect(await destroyed('owner', version), version.key).toBe('AccessDenied')
      expect(await destroyed('keeper', version), version.key).toBe('AccessDenied')
    }
  }

  beforeAll(async () => {
    const ceph = server()
    bucket = await ceph.makeBucket({ objectLock: true })
    users = await makeUsers(ceph)
    // Ceph 16 forgets conditions in buckets that keep versions.
    const more = { path_style: true, write_once: 'check', lock }
    await grant(ceph, writePolicyConfig(ceph, bucket, more), bucket)
    const archives = {
      monthly: { of: 'backups', keep: '1y' },
      dumped: { of: 'dumps', every: 'year', keep: 'forever' },
    }
    lab = await openLab({
      major: 15,
      build: 'debian',
      repositories: encryption => ({ main: { ...repositoryOf(ceph, bucket, ceph, more), encryption } }),
      config: { retention, archives, workers: 2 },
    })
    await lab.server.query('CREATE TABLE accounts AS SELECT generate_series(1, 1000) AS id')
    backup = await lab.backup()
    dump = await lab.json<DumpRecord>(['dump', 'postgres'])
    await lab.server.query('INSERT INTO accounts VALUES (0)')
    await lab.archiveAll()
  })
  afterAll(() => lab[Symbol.asyncDispose]())

  test('holds a backup, the WAL that it needs, and a dump for as long as the rules keep them', async () => {
    const endedMs = Date.parse(backup.endedAt)
    await expectOutOfReach(await versions('/backups/'), () => endedMs + 3 * day)
    const wal = await versions('/wal/')
    expect(wal.length).toBeGreaterThan(2)
    await expectOutOfReach(wal, key =>
      // What was written before the backup ended has its first lock from then on: within the slack of a tenth.
      neededBy(backup, key) ? endedMs + 3 * day : endedMs + 2 * day - 10 * minute,
    )
    const dumped = await versions(`/dumps/${dump.id}/`)
    expect(dumped.length).toBeGreaterThan(3)
    await expectOutOfReach(dumped, () => Date.parse(dump.endedAt) + 2 * day)
    // Leases come and go, and are no use to a thief.
    const [lease] = await versions('/leases/')
    expect(lease && (await destroyed('owner', lease))).toBe('done')

    const [report] = await lab.json<readonly LocksOfRepository[]>(['lock', '--dry-run'])
    expect(report?.backups).toMatchObject([{ name: backup.id, reason: 'younger than 3d 00h' }])
    expect(report?.dumps).toMatchObject([{ name: dump.id, reason: 'younger than 2d 00h' }])
  })

  test('holds what is archived for as long as that is kept, for ever by a month at a time', async () => {
    await lab.ok(['archive'])
    const archived = (await versions('/archive/')).filter(({ key }) => /\/(backups|wal|dumps)\//.test(key))
    expect(archived.some(({ key }) => key.includes('/kept/'))).toBe(true)
    const now = Date.now()
    await expectOutOfReach(archived, key =>
      key.includes('/dumps/') ? now + 30 * day : Date.parse(backup.endedAt) + year,
    )
    await expectOutOfReach(await versions('pg/holdfast.json'), () => now + year)
  })

  test('is locked longer by a keeper, when the rules ask for more', async () => {
    await lab.ok(['dump', 'postgres'])
    const run = await lab.run(['--config', asKeeper({ ...retention, dumps: { within: '9d' } }), 'lock'])
    expect(run.status, describeRun(run)).toBe(0)
    expect(run.out).toMatch(new RegExp(`${dump.id} .* younger than 9d 00h\\n`))
    expect(run.out).toContain('main/archive: compliance locks')
    await expectOutOfReach(
      await versions(`pg/lab/dumps/${dump.id}/`),
      () => Date.parse(dump.endedAt) + 9 * day,
    )
  })

  test('is expired by nobody before its time, and it is said until when; nothing is done by half', async () => {
    const before = (await versions('pg/lab/dumps/')).length
    const config = asKeeper({ ...retention, dumps: { last: 1 } })
    const run = await lab.run(['--config', config, 'expire', '--yes', '--json'])
    expect(run.status, describeRun(run)).toBe(0)
    const [place] = jsonOf<readonly Expired[]>(run)
    const item = place?.items.find(({ id }) => id === dump.id)
    expect(item, describeRun(run)).toMatchObject({ verdict: 'keep' })
    expect(JSON.stringify(item?.reasons)).toContain('locked until ')
    expect(place?.removed).toMatchObject({ ids: [], walFiles: 0 })
    expect((await versions('pg/lab/dumps/')).length).toBe(before)
    const markers = new ListObjectVersionsCommand({ Bucket: bucket, Prefix: 'pg/lab/dumps/' })
    expect((await server().client().send(markers)).DeleteMarkers ?? []).toEqual([])
    expect((await lab.ok(['show', dump.id])).out).toContain(dump.id)
  })

  test('gives all of it back as of the moment before somebody deleted it', async () => {
    const before = Date.now() + 1_100
    // Servers may tell the time of a version in whole seconds.
    await until('a second has passed', () => Date.now() > before + 1_100)
    const Objects = (await versions('pg/lab/')).map(({ key }) => ({ Key: key }))
    await server()
      .client()
      .send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }))
    expect((await lab.run(['list'])).out).not.toContain(dump.id)
    const asOf = ['--as-of', new Date(before).toISOString()]
    const listed = await lab.json<readonly BackupRecord[]>(['list', ...asOf])
    expect(listed.map(({ id }) => id)).toEqual(expect.arrayContaining([backup.id, dump.id]))
    const file = join(lab.server.root, 'before.dump')
    await lab.ok(['dump-fetch', dump.id, file, ...asOf])
    expect(readFileSync(file).subarray(0, 5).toString()).toBe('PGDMP')
  })
})

/** Segments: the `.backup` file beside them is archived when the backup is done, and nobody needs it. */
function neededBy({ startWal, stopWal }: BackupRecord, key: string): boolean {
  const name = /([0-9A-F]{24})\.zst[^/]*$/.exec(key)?.[1] ?? ''
  return startWal <= name && name <= stopWal
}
