/**
 * The round trip on every version of PostgreSQL: a base backup while a writer runs, and back to a time, an LSN, a
 * transaction, a restore point, and the latest point. (15, with pgbench and many more points: recovery-under-load.)
 *
 * Transactions are written one at a time here: 14 has no reader of its log, so the journal alone says their order.
 */
import { describe, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { startChurn } from './support/churn.ts'
import { expectLedger } from './support/ledger-check.ts'
import { createLedger, startLedger, type Transfer } from './support/ledger-writer.ts'
import type { Major } from './support/postgres-binaries.ts'
import { seededRandom, type Random } from './support/random.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { restoreAndStart } from './support/restored-server.ts'

interface Point {
  readonly args: readonly string[]
  /** How many transfers of the journal have ended there. */
  readonly length: number
}

interface Scene {
  readonly lab: Lab
  readonly backup: BackupRecord
  readonly journal: readonly Transfer[]
  readonly pointLength: number
}

/** The oldest and the newest show every kind of target; the others that the round trip works. */
describe.each([
  [14, ['time', 'lsn', 'xid', 'name', 'latest']],
  [15, ['latest']],
  [16, ['latest', 'time']],
  [17, ['latest', 'xid']],
  [18, ['time', 'lsn', 'xid', 'name', 'latest']],
] as const)('PostgreSQL %i', (major, kinds) => {
  test(`a backup under load comes back at: ${kinds.join(', ')}`, async () => {
    const random = seededRandom(`every version, ${String(major)}`)
    const scene = await playScene(major, random)
    await using lab = scene.lab
    expect(scene.backup.postgres.version).toMatch(new RegExp(`^${String(major)}`))
    expect(scene.backup.checks).toMatchObject({ pagesCorrupt: 0, corrupt: [] })
    for (const kind of kinds) {
      const point = choosePoint(kind, scene, random)
      await using restored = await restoreAndStart(lab, point.args)
      const expected = scene.journal.slice(0, point.length).filter(transfer => transfer.committed)
      await expectLedger(restored.server, expected, point.args.join(' '))
      expect(await restored.server.value('SHOW archive_mode'), 'a copy does not archive').toBe('off')
    }
  })
})

async function playScene(major: Major, random: Random): Promise<Scene> {
  const lab = await openLab({ major, settings: { track_commit_timestamp: 'on' } })
  await createLedger(lab.server)
  await using churn = await startChurn(lab.server)
  await using ledger = await startLedger(lab.server, { seed: random.seed, oneAtATime: true })
  await ledger.more(50)
  const backup = await lab.backup()
  await ledger.more(50)
  // Made between two transfers, so that the journal says exactly which came before.
  await ledger.pause()
  await ledger.restorePoint('between')
  const pointLength = ledger.journal.length
  ledger.resume()
  await ledger.more(50)
  await ledger.stop()
  await churn.stop()
  await lab.archiveAll()
  return { lab, backup, journal: ledger.journal, pointLength }
}

function choosePoint(
  kind: 'time' | 'lsn' | 'xid' | 'name' | 'latest',
  { journal, pointLength }: Scene,
  random: Random,
): Point {
  // After the restore point is surely after the backup, and before the last one.
  const candidates = [...journal.entries()]
    .slice(pointLength, -1)
    .filter(([, transfer]) => transfer.committed)
  const [index, transfer] = random.pick(candidates)
  const inclusive = random.chance(0.5)
  const exclusive = inclusive ? [] : ['--exclusive']
  switch (kind) {
    case 'latest':
      return { args: ['--latest'], length: journal.length }
    case 'name':
      return { args: ['--to-name', 'between'], length: pointLength }
    case 'xid':
      return { args: ['--to-xid', transfer.xid, ...exclusive], length: index + (inclusive ? 1 : 0) }
    case 'time':
      return {
        args: ['--to-time', transfer.committedAt ?? '', ...exclusive],
        length: index + (inclusive ? 1 : 0),
      }
    case 'lsn':
      // Where the log ended after the commit: no later commit's record begins there, so both ways give the same.
      return { args: ['--to-lsn', transfer.lsnAfter, ...exclusive], length: index + 1 }
  }
}
