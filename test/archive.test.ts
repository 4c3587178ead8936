/**
 * The archive, in a folder and in a bucket of a real S3 server: a backup is archived by a rule, the originals are deleted by
 * other means than Holdfast's, and a server is brought back from what was archived.
 */
import { readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DeleteObjectsCommand, HeadObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { cephMissing, startCeph, type CephServer } from './support/ceph-server.ts'
import { describeRun, jsonOf } from './support/holdfast.ts'
import { makeOwned, makeRoot } from './support/postgres-server.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { faultOf, restoreAndStart, tryRestore } from './support/restored-server.ts'

type Listed = readonly (BackupRecord & { readonly repositories: readonly string[] })[]

const reason = cephMissing()
if (reason !== undefined) console.warn(`left out: the archive in a bucket: ${reason}`)
const coldClass = 'LUKEWARM'
const places = reason === undefined ? (['main', 'bucket'] as const) : (['main'] as const)

let lab: Lab
let ceph: CephServer | undefined
let bucket = ''
let backup: BackupRecord
let folder = ''

beforeAll(async () => {
  folder = join(makeRoot(), 'repository')
  makeOwned(folder)
  ceph = reason === undefined ? await startCeph({ storageClasses: [coldClass] }) : undefined
  bucket = (await ceph?.makeBucket()) ?? ''
  lab = await openLab({
    major: 15,
    build: 'debian',
    repositories: encryption => ({
      main: { url: `file://${folder}`, encryption, classes: { archive: 'COLD' } },
      ...(ceph && {
        bucket: {
          url: `s3://${bucket}/pg`,
          endpoint: ceph.endpoint,
          region: ceph.region,
          path_style: true,
          credentials: { access_key_id: ceph.accessKeyId, secret_access_key: ceph.secretAccessKey },
          encryption,
          classes: { archive: coldClass },
        },
      }),
    }),
    config: {
      write: 'all',
      archives: {
        monthly: { of: 'backups', keep: '1y' },
        dumped: { of: 'dumps', every: 'quarter', keep: '18mo' },
        ...(ceph && { far: { of: 'backups', every: 'year', keep: 'forever', repository: 'bucket' } }),
      },
    },
  })
  await lab.server.query(
    'CREATE TABLE t AS SELECT n, md5(n::text) AS filler FROM generate_series(1, 20000) n',
  )
  backup = await lab.backup()
  await lab.server.query('INSERT INTO t VALUES (0)')
  await lab.backup()
})

afterAll(async () => {
  await lab[Symbol.asyncDispose]()
  await ceph?.stop()
  rmSync(dirname(folder), { recursive: true, force: true })
})

describe('the archive', () => {
  test('is filled by rules, with what is needed to restore, and says why', async () => {
    const plan = await lab.ok(['archive', '--dry-run'])
    expect(plan.out).toContain('rule monthly: 1 backup\n')
    expect(plan.out).toMatch(new RegExp(`${backup.id} would be archived until .*: the first good one of`))
    expect(plan.out).toMatch(/stays out: .* is the first good one of/)
    const done = await lab.ok(['archive'])
    expect(done.out, describeRun(done)).toMatch(new RegExp(`${backup.id} archived until `))
    const again = await lab.ok(['archive'])
    expect(again.out, describeRun(again)).toContain('rule monthly: nothing to archive')
  })

  test('gets the class that was asked for, but for the small records that have to be read first', async () => {
    if (!ceph) return
    const client = ceph.client()
    const { Contents = [] } = await client.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: 'pg/lab/archive/' }),
    )
    const isRecord = /\.json$|manifest|\/leases\/|\/catalog\//
    for (const { Key = '' } of Contents) {
      const { StorageClass = 'STANDARD' } = await client.send(new HeadObjectCommand({ Bucket: bucket, Key }))
      expect([Key, StorageClass]).toEqual([Key, isRecord.test(Key) ? 'STANDARD' : coldClass])
    }
    expect(Contents.filter(({ Key = '' }) => !isRecord.test(Key)).length).toBeGreaterThanOrEqual(2)
  })

  test('is listed as one more place, and is verified', async () => {
    const listed = await lab.json<Listed>(['list'])
    expect(listed.find(({ id }) => id === backup.id)?.repositories).toEqual([
      ...places,
      ...places.map(name => `${name}/archive`),
    ])
    for (const name of places) {
      const verified = await lab.ok(['verify', '--repository', `${name}/archive`])
      expect(verified.out, describeRun(verified)).toContain('everything is as it was written')
    }
    expect((await lab.run(['status'])).out).toContain(`1, the newest ${backup.id}`)
  })

  test('survives the originals, in every place', async () => {
    rmSync(join(folder, 'lab', 'backups'), { recursive: true })
    rmSync(join(folder, 'lab', 'wal'), { recursive: true })
    rmSync(join(folder, 'lab', 'catalog'), { recursive: true })
    await deleteOriginals()
    expect((await lab.json<Listed>(['list'])).map(({ id }) => id)).toEqual([backup.id])
    const shown = await lab.ok(['show', backup.id])
    expect(shown.out).toContain('main/archive')
    for (const name of places) {
      await using restored = await restoreAndStart(lab, [
        ...['--repository', `${name}/archive`, '--backup', backup.id, '--to-immediate'],
        ...places.filter(other => other !== name).flatMap(other => ['--without', other]),
      ])
      const { plan } = jsonOf<{ plan: { repositories: readonly string[]; thaw: unknown } }>(restored.run)
      expect(plan.repositories).toContain(`${name}/archive`)
      expect(plan.thaw).toBeNull()
      expect(await restored.server.query('SELECT count(*), max(filler) FROM t')).toHaveLength(1)
    }
  })

  test('holds dumps, too, and gives the very file when the original is gone', async () => {
    const dump = await lab.json<{ readonly id: string }>(['dump', 'postgres'])
    const fetch = async (file: string): Promise<Buffer> => {
      const path = join(lab.server.root, file)
      await lab.ok(['dump-fetch', dump.id, path, ...places.slice(1).flatMap(name => ['--without', name])])
      return readFileSync(path)
    }
    const before = await fetch('before.dump')
    const done = await lab.ok(['archive', 'dumped'])
    expect(done.out, describeRun(done)).toMatch(new RegExp(`${dump.id} archived until .*-Q[1-4]\n`))
    expect((await lab.ok(['archive', 'dumped'])).out).toContain('rule dumped: nothing to archive')
    rmSync(join(folder, 'lab', 'dumps'), { recursive: true })
    expect((await fetch('after.dump')).equals(before)).toBe(true)
    const words = ['--database', 'archived', '--from', 'postgres']
    const report = await lab.json<{ plan: { repositories: readonly string[]; thaw: unknown } }>([
      ...['restore-dump', dump.id, ...words, ...places.slice(1).flatMap(name => ['--without', name])],
    ])
    expect(report.plan).toMatchObject({ repositories: ['main/archive'], thaw: null })
    const restored = await lab.server.connect('archived')
    const { rows } = await restored.query<{ count: string }>('SELECT count(*) FROM t')
    await restored.end()
    expect(rows).toEqual([{ count: '20001' }])
  })

  test('has its one of the month: what comes later does not take its place', async () => {
    await lab.backup()
    const run = await lab.ok(['archive', '--dry-run', 'monthly'])
    expect(run.out, describeRun(run)).toContain('rule monthly: nothing to archive')
    expect(run.out).toContain(`${backup.id} is the one of`)
    expect(run.out).toMatch(/ARCHIVED .*\n.*kept by monthly until/)
  })

  test('takes what is named, for as long as is said, and refuses what makes no sense', async () => {
    const [newest] = (await lab.json<Listed>(['list'])).toReversed()
    const done = await lab.ok(['archive', newest?.id ?? '', '--keep', '18mo'])
    expect(done.out, describeRun(done)).toContain('by hand: 1 backup')
    for (const args of [
      ['archive', newest?.id ?? ''],
      ['archive', 'monthly', '--keep', '1y'],
      ['archive', '--keep', 'x'],
    ])
      expect((await lab.run(args)).status, args.join(' ')).toBe(2)
  })

  test('that does not lead to the target is refused before anything is written', async () => {
    const refused = await tryRestore(lab, ['--backup', backup.id, '--to-time', '2000-01-01 00:00:00+00:00'])
    expect(faultOf(refused.run).code).toBe('TARGET_UNREACHABLE')
    await refused[Symbol.asyncDispose]()
  })
})

async function deleteOriginals(): Promise<void> {
  if (!ceph) return
  const client = ceph.client()
  for (const Prefix of ['pg/lab/backups/', 'pg/lab/wal/', 'pg/lab/catalog/']) {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix }))
    const Objects = Contents.map(({ Key = '' }) => ({ Key }))
    await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }))
  }
}
