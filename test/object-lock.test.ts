/** What is locked can be destroyed by nobody before its time, on a server that keeps locks; and can be after it. */
import {
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  PutObjectRetentionCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { isFault } from '../src/base/fault.ts'
import { silentLog } from '../src/base/log.ts'
import { silentProgress } from '../src/base/progress.ts'
import { second } from '../src/base/units.ts'
import { systemWorld } from '../src/base/world.ts'
import { extendLocks } from '../src/operations/lock/extend-locks.ts'
import type { LockReport } from '../src/operations/lock/lock-report.ts'
import { commitBackup } from '../src/repository/catalog.ts'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { walKey } from '../src/repository/layout.ts'
import { initRepository, openRepository, type Repository } from '../src/repository/repository.ts'
import { openStorage } from '../src/storage/open.ts'
import { bodyOf } from '../src/storage/storage.ts'
import { backupRecord, putBackupObjects } from './support/backup-records.ts'
import type { CephServer } from './support/ceph-server.ts'
import { describeWithCeph } from './support/describe-with-ceph.ts'
import { describeRun, jsonOf, startHoldfast } from './support/holdfast.ts'
import { until } from './support/until.ts'

const signal = new AbortController().signal
const world = systemWorld()
const identity = {
  cluster: 'gathr',
  systemIdentifier: '7481234567890123456',
  postgresMajor: 15,
  walSegmentSizeBytes: 1 << 24,
}
const segment = (n: number): string =>
  `0000000100000016000000${n.toString(16).toUpperCase().padStart(2, '0')}`

/** A backup that ends now and needs the segments `first` and the one after it, with WAL from 0 on. */
async function fill(repository: Repository, first: number): Promise<BackupRecord> {
  const iso = new Date(world.clock.now()).toISOString()
  const record = backupRecord({
    id: `${iso.slice(0, 19).replaceAll(/[-:]/g, '')}Z-full`,
    startedAt: iso,
    endedAt: iso,
    startLsn: `16/${first.toString(16)}000028`.toUpperCase(),
    stopLsn: `16/${(first + 2).toString(16)}000000`.toUpperCase(),
    startWal: segment(first),
    stopWal: segment(first + 1),
    checks: { pagesChecked: 1, pagesTorn: 0, pagesCorrupt: 0, corrupt: [] },
  })
  for (let n = 0; n <= first + 1; n++)
    await repository.storage.put(walKey('gathr', segment(n), '.zst'), bodyOf(Buffer.from(segment(n))), signal)
  await putBackupObjects(repository.storage, record)
  await commitBackup(repository, record, signal)
  return record
}

interface Scene {
  readonly bucket: string
  readonly repository: Repository
  /** With the keys of the bucket's owner. */
  readonly client: S3Client
}

async function makeScene(server: CephServer, objectLock: boolean): Promise<Scene> {
  const bucket = await server.makeBucket({ objectLock })
  const storage = await openStorage(server.description(bucket), world)
  await initRepository(storage, identity, world, signal)
  return { bucket, repository: await openRepository(storage, 'gathr', signal), client: server.client() }
}

const lockFor = (scene: Scene, withinMs: number): Promise<LockReport> =>
  extendLocks(
    {
      repository: scene.repository,
      rules: { mode: 'compliance', retention: { withinMs, minimum: 0, timeZone: 'UTC' } },
      world,
      progress: silentProgress,
      log: silentLog,
    },
    {},
    signal,
  )

/** Every version of every object that is stored, with the key within the repository. */
async function versionsIn({ bucket, client }: Scene): Promise<{ key: string; id: string }[]> {
  const { Versions = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }))
  return Versions.map(({ Key = '', VersionId = '' }) => ({ key: Key, id: VersionId }))
}

const destroy = (
  { bucket, client }: Scene,
  { key, id }: { key: string; id: string },
  how = {},
): Promise<boolean> =>
  client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId: id, ...how })).then(
    () => true,
    () => false,
  )

describeWithCeph('locks on an S3 server', server => {
  test('keep a backup and the WAL that it needs from everybody, until their time is over', async () => {
    const scene = await makeScene(server(), true)
    const record = await fill(scene.repository, 3)
    // Long enough for everything below, on a busy machine.
    const { extended, backups } = await lockFor(scene, 15 * second)
    expect(extended).toBe(5 + 2 + 2)
    expect(backups.map(({ name }) => name)).toEqual([record.id])

    const versions = await versionsIn(scene)
    const isKept = (key: string): boolean =>
      key.includes(`/backups/${record.id}/`) || key.includes(segment(3)) || key.includes(segment(4))
    const kept = versions.filter(({ key }) => isKept(key))
    expect(kept).toHaveLength(7)
    for (const version of kept) {
      expect(await destroy(scene, version), version.key).toBe(false)
      expect(await destroy(scene, version, { BypassGovernanceRetention: true }), version.key).toBe(false)
    }
    const [some] = kept
    await expect(
      scene.client.send(
        new PutObjectRetentionCommand({
          Bucket: scene.bucket,
          Key: some?.key,
          VersionId: some?.id,
          Retention: { Mode: 'COMPLIANCE', RetainUntilDate: new Date(world.clock.now() + second) },
        }),
      ),
    ).rejects.toThrow()

    const [needless] = versions.filter(({ key }) => key.includes(segment(1)))
    expect(needless && (await destroy(scene, needless))).toBe(true)
    await until('the lock is over', () => some && destroy(scene, some), { timeoutMs: 90_000, everyMs: 500 })
    for (const version of kept.slice(1)) expect(await destroy(scene, version), version.key).toBe(true)
  })

  test('hide nothing that somebody deleted from who looks at how it was', async () => {
    const scene = await makeScene(server(), true)
    const record = await fill(scene.repository, 3)
    await lockFor(scene, 10 * second)
    const beforeMs = world.clock.now()
    const key = `gathr/backups/${record.id}/backup.json`
    // Without naming a version, a deletion only puts a mark over the object.
    // More than a second after the time that is looked at: Ceph from 18 on tells the times of versions in whole seconds.
    await until('time has gone on', () => world.clock.now() > beforeMs + 2100)
    await scene.repository.storage.delete([key], signal)
    expect(await scene.repository.storage.stat(key, signal)).toBeUndefined()
    const past = await openStorage({ ...server().description(scene.bucket), asOfMs: beforeMs + 1000 }, world)
    expect(await past.stat(key, signal)).toMatchObject({ key })
  })

  test('are refused in words where the bucket was made without them', async () => {
    const scene = await makeScene(server(), false)
    await fill(scene.repository, 3)
    await expect(lockFor(scene, 10 * second)).rejects.toSatisfy(
      error => isFault(error, 'STORAGE_UNSUPPORTED') && error.hint.includes('object lock'),
    )
  })

  test('are set by holdfast lock, which tells until when and why, and does nothing the second time', async () => {
    const scene = await makeScene(server(), true)
    const record = await fill(scene.repository, 3)
    const folder = mkdtempSync(join(tmpdir(), 'hf-lock-'))
    onTestFinished(() => {
      rmSync(folder, { recursive: true })
    })
    chmodSync(folder, 0o755)
    const config = join(folder, 'holdfast.yaml')
    const { endpoint, region, accessKeyId, secretAccessKey } = server()
    writeFileSync(
      config,
      `cluster: gathr
postgres: { connection: "host=/nowhere" }
repositories:
  main:
    url: s3://${scene.bucket}
    endpoint: ${endpoint}
    region: ${region}
    path_style: true
    credentials: { access_key_id: ${accessKeyId}, secret_access_key: ${secretAccessKey} }
    encryption: none
    lock: { mode: governance, keep: policy }
retention: { backups: { within: 1h } }
`,
      { mode: 0o644 },
    )
    const lock = async (...more: string[]) => {
      const run = await startHoldfast(['--config', config, 'lock', ...more], { environment: { HOME: '/' } })
        .ended
      expect(run.status, describeRun(run)).toBe(0)
      return run
    }
    const planned = await lock('--dry-run')
    expect(planned.out).toContain('9 objects would be locked')
    const [first] = jsonOf<(LockReport & { repository: string })[]>(await lock('--json'))
    expect(first).toMatchObject({
      repository: 'main',
      mode: 'governance',
      extended: 9,
      backups: [{ name: record.id, reason: 'younger than 1h 00m' }],
      wal: [{ name: segment(3), last: segment(4), reason: `needed by ${record.id}` }],
    })
    const [second] = jsonOf<LockReport[]>(await lock('--json'))
    // What was written within the last hour is asked for again.
    expect(second?.extended).toBe(2)
  })
})
