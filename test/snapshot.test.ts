/** `holdfast snapshot` on a real btrfs: two volumes in one bracket, and what comes of them. */
import { chmodSync, existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { WalStatus } from '../src/operations/wal-status.ts'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { describeRun, jsonOf } from './support/holdfast.ts'
import { loopMissing, system } from './support/loop-file-systems.ts'
import { restoreAndStart, tryRestore, faultOf } from './support/restored-server.ts'
import { catchUp, startStandby } from './support/postgres-standby.ts'
import { exampleScript } from './support/snapshot-labs.ts'
import { openSnapshotLab, type SnapshotClusterLab } from './support/snapshot-cluster.ts'
import { until } from './support/until.ts'

const reason = loopMissing('btrfs')
if (reason !== undefined) console.warn(`left out: snapshots of a running cluster: ${reason}`)

describe.skipIf(reason !== undefined)('a snapshot of a running cluster', () => {
  let scene: SnapshotClusterLab
  let record: BackupRecord
  const references = ({ snapshot }: BackupRecord): readonly string[] =>
    (snapshot?.volumes ?? []).map(({ reference }) => reference)
  /** Ids of all that lies where snapshots are kept. */
  const kept = (): readonly string[] => readdirSync(join(references(record)[0] ?? '', '../..')).toSorted()

  beforeAll(async () => {
    scene = await openSnapshotLab({ major: 15, build: 'debian' })
    const { server } = scene.lab
    await server.query('CREATE TABLE here AS SELECT 1 AS n')
    await server.query('CREATE TABLE there TABLESPACE fast AS SELECT 1 AS n')
    record = await scene.snapshot(['--label', 'first'])
    await server.query('INSERT INTO here VALUES (2)')
    await server.query('INSERT INTO there VALUES (2)')
    await scene.lab.archiveAll()
  })
  afterAll(async () => {
    await scene[Symbol.asyncDispose]()
  })

  test('is a base backup of its own kind, with the volumes that hold its files', () => {
    expect(record).toMatchObject({ kind: 'snapshot', parent: null, fromStandby: false, label: 'first' })
    expect(record.snapshot?.volumes.map(({ name }) => name)).toEqual([
      'data',
      expect.stringMatching(/^ts\d+$/),
    ])
    for (const reference of references(record)) expect(existsSync(reference), reference).toBe(true)
    expect(existsSync(join(references(record)[0] ?? '', 'PG_VERSION'))).toBe(true)
    expect(record.sizes.rawBytes).toBeGreaterThan(10_000_000)
  })

  test('comes back with all that was committed since, in a tablespace, too', async () => {
    await using restored = await restoreAndStart(scene.lab, ['--latest'], { build: 'debian' })
    for (const table of ['here', 'there'])
      expect(await restored.server.value(`SELECT sum(n) FROM ${table}`), table).toBe('3')
    const place = await restored.server.value(
      "SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'fast'",
    )
    expect(place).toContain(`${restored.server.dataDirectory}.tablespaces/`)
  })

  test('comes back as a new volume where the provider makes such ones', async () => {
    const { lab } = scene
    const script = join(lab.server.root, 'snapshot-command.mjs')
    lab.write(script, readFileSync(exampleScript))
    chmodSync(script, 0o755)
    const config = lab.writeConfig('command.yaml', {
      snapshots: { provider: 'command', command: { program: [script, 'none'] } },
    })
    const run = await lab.ok(['--config', config, 'snapshot', '--json'])
    const { id, snapshot } = jsonOf<BackupRecord>(run)
    expect(snapshot?.volumes.map(({ trees }) => trees.length)).toEqual([2])
    await lab.archiveAll()
    const args = ['--config', config, '--backup', id]
    await using restored = await restoreAndStart(lab, args, { build: 'debian' })
    expect(readlinkSync(restored.server.dataDirectory)).toContain('.volumes/data/')
    for (const table of ['here', 'there'])
      expect(await restored.server.value(`SELECT sum(n) FROM ${table}`), table).toBe('3')
  })

  test('is taken from a standby, too', async () => {
    const { lab, fs } = scene
    await using standby = await startStandby(lab.server, { build: 'debian', folder: fs.path })
    await catchUp(lab.server, standby)
    const connection = standby.connectionString
    const primary = lab.server.connectionString
    const config = lab.writeConfig('standby.yaml', { postgres: { connection, primary } })
    const taken = jsonOf<BackupRecord>(await lab.ok(['--config', config, 'snapshot', '--json']))
    expect(taken).toMatchObject({ kind: 'snapshot', fromStandby: true })
    await lab.archiveAll()
    await using restored = await restoreAndStart(lab, ['--backup', taken.id], { build: 'debian' })
    for (const table of ['here', 'there'])
      expect(await restored.server.value(`SELECT sum(n) FROM ${table}`), table).toBe('3')
  })

  test('when the second volume fails, nothing is left of the first, and the server is in no backup', async () => {
    const before = kept()
    const listed = await scene.lab.ok(['list'])
    const script = 'case "$*" in *"-r"*"/ts"*) echo "no more room" >&2; exit 9;; esac; exec "$@"'
    const config = scene.lab.writeConfig('broken.yaml', {
      snapshots: { provider: 'btrfs', prefix: ['/bin/sh', '-c', script, 'sh'] },
    })
    const run = await scene.lab.run(['--config', config, 'snapshot', '--json'])
    expect(run.status, describeRun(run)).toBe(70)
    expect(faultOf(run).message).toContain('no more room')
    expect(faultOf(run).message).not.toContain('could not be removed')
    expect(kept()).toEqual(before)
    const sessions =
      "SELECT count(*) FROM pg_stat_activity WHERE query ~ 'pg_backup' AND pid <> pg_backend_pid()"
    await until('the session is over', async () => (await scene.lab.server.value(sessions)) === '0')
    expect((await scene.lab.ok(['list'])).out).toBe(listed.out)
  })

  test('what a killed run left is found by the doctor, and removed by the next run', async () => {
    const before = kept()
    const run = scene.lab.start(['snapshot'])
    // Its folder comes first; that alone is nothing that anybody has to be told of.
    const folder = join(references(record)[0] ?? '', '../..')
    const isTaken = (id: string): boolean => readdirSync(join(folder, id)).length > 0
    await until('there is a snapshot more', () =>
      Promise.resolve(kept().some(id => !before.includes(id) && isTaken(id))),
    )
    run.kill('SIGKILL')
    await run.ended
    const left = kept().filter(id => !before.includes(id))
    const doctor = await scene.lab.run(['doctor'])
    expect(doctor.out).toContain(left[0] ?? 'a snapshot')
    const next = await scene.snapshot()
    expect(kept()).toEqual([...before, next.id].toSorted())
  })

  test('is verified: it is there, it is of this cluster, and its pages have their checksums', async () => {
    const report = jsonOf<{ isGood: boolean; backups: readonly { pagesChecked: number }[] }>(
      await scene.lab.ok(['verify', record.id, '--json']),
    )
    expect(report.isGood).toBe(true)
    expect(report.backups[0]?.pagesChecked).toBeGreaterThan(1000)
  })

  test('one that vanished is noticed, refused when it is named, and passed over else', async () => {
    const { lab } = scene
    const all = await lab.json<readonly BackupRecord[]>(['list'])
    const newest = all.at(-1)
    if (!newest) throw new Error('there is a snapshot')
    system('btrfs', ['-q', 'subvolume', 'delete', references(newest)[0] ?? ''])

    const verified = await lab.run(['verify'])
    expect(verified.status, describeRun(verified)).toBe(25)
    expect(verified.out + verified.err).toMatch(/of data is gone/)
    const status = await lab.run(['status'])
    expect(status.out + status.err).toMatch(/can not be restored: the snapshot .* is gone/)
    const wal = jsonOf<WalStatus>(await lab.run(['wal', 'status', '--json']))
    expect(wal.windows.flatMap(({ backups }) => backups)).not.toContain(newest.id)
    expect(wal.windows.flatMap(({ backups }) => backups)).toContain(all.at(-2)?.id)
    expect(wal.unusableBackups.find(({ id }) => id === newest.id)?.why).toMatch(/is gone$/)
    await using named = await tryRestore(lab, ['--backup', newest.id])
    expect(faultOf(named.run).code).toBe('SNAPSHOT_MISSING')
    const target = join(lab.server.root, 'elsewhere')
    const plan = await lab.ok(['restore', '--target-dir', target, '--plan'])
    expect(plan.out).toMatch(/Backup \S+-snapshot is the latest that leads to the target/)
    expect(plan.out).not.toContain(`Backup ${newest.id} is the latest`)
    expect(plan.out).toMatch(new RegExp(`${newest.id} can not be restored here: .* is gone`))

    // Some are subvolumes, others plain folders.
    const remove = 'btrfs -q subvolume delete "$0" 2>/dev/null || rm -r "$0"'
    for (const older of all.slice(0, -1)) system('/bin/sh', ['-c', remove, references(older)[0] ?? ''])
    const none = await lab.run(['restore', '--target-dir', target, '--plan'])
    expect(none.status, describeRun(none)).toBe(50)
    expect(none.err).toMatch(/no backup that is still there leads to it/)
    expect(none.err).toMatch(new RegExp(`${newest.id} can not be restored here: .* is gone`))
  })
})
