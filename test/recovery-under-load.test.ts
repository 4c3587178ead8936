/**
 * The main promise: whatever the load, every point after a backup's end can be brought back, and is exactly that point.
 *
 * Base backups are taken while pgbench and a writer run; then the cluster is restored to random times, LSNs,
 * transaction ids and restore points, and each restored server has to show exactly the transactions that the log says
 * were committed there, as the writer's own journal knows them.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { startChurn } from './support/churn.ts'
import { expectLedger } from './support/ledger-check.ts'
import { createLedger, startLedger, type Transfer } from './support/ledger-writer.ts'
import { committedBy, firstRecordFrom, readLogOrder, type LogRecord } from './support/log-order.ts'
import { expectPgbenchConsistent, initPgbench, startPgbench } from './support/pgbench.ts'
import { seededRandom } from './support/random.ts'
import { describeTarget, drawTarget, targetArgs, type TargetKind } from './support/recovery-targets.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { restoreAndStart } from './support/restored-server.ts'

interface Scene {
  readonly lab: Lab
  readonly backups: readonly [BackupRecord, BackupRecord]
  readonly journal: readonly Transfer[]
  readonly records: readonly LogRecord[]
}

const random = seededRandom('recovery under load')
const kinds: readonly TargetKind[] = ['time', 'lsn', 'xid', 'name']
const points = Array.from(
  { length: 24 },
  (_, index) => [index + 1, kinds[index % kinds.length] ?? 'time'] as const,
)

let scene: Scene

beforeAll(async () => {
  scene = await playScene()
})

afterAll(async () => {
  await scene.lab[Symbol.asyncDispose]()
})

describe('a backup taken under load', () => {
  test('reports no damaged page, whatever was written while it read', () => {
    for (const backup of scene.backups) expect(backup.checks).toMatchObject({ pagesCorrupt: 0, corrupt: [] })
  })

  test('holds all that the journal says: no answered transaction is missing from the log', () => {
    const committed = committedBy(scene.records, { kind: 'latest' })
    expect(scene.journal.filter(transfer => transfer.committed !== committed.has(transfer.xid))).toEqual([])
  })

  test.each(points)('comes back at random point %i, a %s', async (_, kind) => {
    const { lab, backups, journal, records } = scene
    const target = drawTarget(kind, records, backups[0].stopLsn, random)
    const action = random.pick(['promote', 'pause'])
    const args = [...targetArgs(target), '--action', action]
    const record = target.kind === 'lsn' ? await firstRecordFrom(lab.server, target.lsn, records) : undefined
    const committed = committedBy(records, target, record)
    const expected = journal.filter(transfer => committed.has(transfer.xid))

    await using restored = await restoreAndStart(lab, args, { build: 'debian' })
    await expectLedger(restored.server, expected, describeTarget(target))
    await expectPgbenchConsistent(restored.server, describeTarget(target))
  })
})

/** Two base backups, with load before, under and after each. */
async function playScene(): Promise<Scene> {
  const lab = await openLab({
    major: 15,
    build: 'debian',
    settings: { track_commit_timestamp: 'on', wal_keep_size: '8GB', checkpoint_timeout: '30s' },
  })
  const { server } = lab
  await createLedger(server)
  initPgbench(server, 2)
  const startLsn = await server.value('SELECT pg_current_wal_insert_lsn()')
  await using bench = startPgbench(server, 300)
  await using churn = await startChurn(server)
  await using ledger = await startLedger(server, { seed: random.seed })
  await ledger.more(200)
  const backups: BackupRecord[] = []
  for (const round of [1, 2]) {
    backups.push(await lab.backup())
    for (const point of ['a', 'b', 'c']) {
      await ledger.more(random.integer(100, 400))
      await ledger.restorePoint(`${point}${String(round)}`)
    }
    await ledger.more(200)
  }
  await ledger.stop()
  await bench.stop()
  await churn.stop()
  await lab.archiveAll()
  const [first, second] = backups
  if (!first || !second) throw new Error('there are two backups')
  return {
    lab,
    backups: [first, second],
    journal: ledger.journal,
    records: await readLogOrder(server, startLsn),
  }
}
