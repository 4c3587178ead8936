/**
 * The main promise, for snapshots: taken while a writer runs, and restored to random points, they show exactly what was
 * committed by then. On btrfs with two volumes, which are not frozen in the same moment; on XFS, where files are copied one
 * after the other while they change.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { expectLedger } from './support/ledger-check.ts'
import { createLedger, startLedger, type Transfer } from './support/ledger-writer.ts'
import { committedBy, firstRecordFrom, readLogOrder, type LogRecord } from './support/log-order.ts'
import { loopMissing } from './support/loop-file-systems.ts'
import { expectPgbenchConsistent, initPgbench, startPgbench } from './support/pgbench.ts'
import { seededRandom } from './support/random.ts'
import { describeTarget, drawTarget, targetArgs } from './support/recovery-targets.ts'
import { restoreAndStart } from './support/restored-server.ts'
import { openSnapshotLab, type SnapshotClusterLab } from './support/snapshot-cluster.ts'

const missing = { btrfs: loopMissing('btrfs'), xfs: loopMissing('xfs') }
for (const [kind, reason] of Object.entries(missing))
  if (reason !== undefined) console.warn(`left out: snapshots under load on ${kind}: ${reason}`)

const random = seededRandom('snapshots under load')

describe.each(['btrfs', 'xfs'] as const)('a snapshot taken under load on %s', fileSystem => {
  const isLeftOut = missing[fileSystem] !== undefined
  let scene: SnapshotClusterLab
  let backup: BackupRecord
  let journal: readonly Transfer[]
  let records: readonly LogRecord[]

  beforeAll(async () => {
    if (isLeftOut) return
    const settings = { track_commit_timestamp: 'on', wal_keep_size: '8GB' }
    scene = await openSnapshotLab({ major: 15, build: 'debian', settings }, fileSystem)
    const { lab } = scene
    const { server } = lab
    await createLedger(server)
    await server.query('ALTER TABLE ledger.accounts SET TABLESPACE fast')
    initPgbench(server, 1)
    const startLsn = await server.value('SELECT pg_current_wal_insert_lsn()')
    await using bench = startPgbench(server, 120)
    await using ledger = await startLedger(server, { seed: random.seed })
    await ledger.more(200)
    backup = await scene.snapshot()
    await ledger.more(300)
    await ledger.restorePoint('a')
    await ledger.more(200)
    await ledger.stop()
    await bench.stop()
    await lab.archiveAll()
    journal = ledger.journal
    records = await readLogOrder(server, startLsn)
  })
  afterAll(async () => {
    if (!isLeftOut) await scene[Symbol.asyncDispose]()
  })

  test.skipIf(isLeftOut).each(['time', 'lsn'] as const)('comes back at a random %s', async kind => {
    const { lab } = scene
    const target = drawTarget(kind, records, backup.stopLsn, random)
    const record = target.kind === 'lsn' ? await firstRecordFrom(lab.server, target.lsn, records) : undefined
    const committed = committedBy(records, target, record)
    const args = ['--backup', backup.id, ...targetArgs(target), '--action', 'promote']
    await using restored = await restoreAndStart(lab, args, { build: 'debian' })
    await expectLedger(
      restored.server,
      journal.filter(transfer => committed.has(transfer.xid)),
      describeTarget(target),
    )
    await expectPgbenchConsistent(restored.server, describeTarget(target))
  })
})

describe.each([
  [14, 'xfs'],
  [18, 'btrfs'],
] as const)('on PostgreSQL %i, on %s', (major, fileSystem) => {
  test.skipIf(missing[fileSystem] !== undefined)('all that was committed comes back', async () => {
    const settings = { track_commit_timestamp: 'on' }
    await using scene = await openSnapshotLab({ major, settings }, fileSystem)
    const { server } = scene.lab
    await createLedger(server)
    await server.query('ALTER TABLE ledger.accounts SET TABLESPACE fast')
    await using ledger = await startLedger(server, { seed: random.seed })
    await ledger.more(50)
    const { kind } = await scene.snapshot()
    expect(kind).toBe('snapshot')
    await ledger.more(50)
    await ledger.stop()
    await scene.lab.archiveAll()
    await using restored = await restoreAndStart(scene.lab, [])
    const committed = ledger.journal.filter(transfer => transfer.committed)
    await expectLedger(restored.server, committed, 'the latest point')
  })
})
