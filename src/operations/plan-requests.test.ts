/** What a plan costs in object storage: it must not grow with the WAL that it does not need. */
import { describe, expect, test } from 'vitest'
import { backupRecordOf } from '../../test/fakes/wal-history.ts'
import {
  lsnOf,
  makeYearOfWal,
  segmentCount,
  segmentSizeBytes,
  timelineAt,
  timeOf,
} from '../../test/fakes/year-of-wal.ts'
import { systemWorld } from '../base/world.ts'
import type { RecoveryTarget } from '../policy/recovery-target.ts'
import type { RestorePlan } from '../policy/restore-plan.ts'
import { segmentName } from '../wal/segment.ts'
import { planRestore } from './resolve-target.ts'
import { TroubleLog } from './sources/trouble.ts'
import { uniteWal } from './sources/wal.ts'

const { clock } = systemWorld()
const signal = new AbortController().signal
const segmentsOfWeek = 9_600

/** A backup each week, three segments long. */
const backups = Array.from({ length: Math.floor(segmentCount / segmentsOfWeek) }, (_, week) => {
  const first = (week + 1) * segmentsOfWeek
  const day = new Date(timeOf(first) / 1000).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')
  return backupRecordOf({
    id: `${day}Z-full`,
    timeline: timelineAt(first),
    startLsn: lsnOf(first) + 40n,
    stopLsn: lsnOf(first + 2) + 300n,
    startedAt: timeOf(first),
    endedAt: timeOf(first + 2),
  })
})

interface Costly {
  readonly plan: RestorePlan
  readonly requests: number
  readonly lists: number
}

async function planned(target: RecoveryTarget, repositories = 1): Promise<Costly> {
  const years = await Promise.all(Array.from({ length: repositories }, () => makeYearOfWal()))
  const troubles = new TroubleLog(() => undefined)
  const places = years.map(({ wal }, i) => ({ name: `r${String(i)}`, open: () => Promise.resolve(wal) }))
  const wal = uniteWal(places, { clock, troubles })
  const deps = { backups, wal, walSegmentSizeBytes: segmentSizeBytes }
  const plan = await planRestore(deps, { target, timeline: 'latest' }, signal)
  const [first] = years
  return { plan, requests: first?.total() ?? 0, lists: first?.lists() ?? 0 }
}

const nameAt = (number: number): string =>
  segmentName({ timeline: timelineAt(number), number: BigInt(number) }, segmentSizeBytes)

const time = (micros: number): RecoveryTarget => ({ kind: 'time', time: micros, inclusive: true })

describe('with a year of WAL in object storage', () => {
  test('a plan for the latest point lists what came after the last backup', async () => {
    const { plan, requests, lists } = await planned({ kind: 'latest' })
    expect(plan.backup.id).toBe(backups.at(-1)?.id)
    expect(plan.wal.segments.at(-1)).toBe(nameAt(segmentCount))
    // Three timelines, two histories, and 800 segments since the backup.
    expect(lists).toBeLessThanOrEqual(6)
    expect(requests).toBeLessThanOrEqual(10)
  })

  test('a plan for the end of a backup lists its own segments', async () => {
    const { plan, requests } = await planned({ kind: 'immediate' })
    expect(plan.wal.segments).toHaveLength(3)
    expect(requests).toBeLessThanOrEqual(10)
  })

  test('a plan for a time half a year ago lists the week around it, also where timelines change', async () => {
    for (const number of [250_123, 299_999, 300_001, 400_000]) {
      const { plan, requests, lists } = await planned(time(timeOf(number)))
      expect(plan.backup.startLsn / BigInt(segmentSizeBytes)).toBe(
        BigInt(Math.floor((number - 1) / segmentsOfWeek) * segmentsOfWeek),
      )
      expect(plan.stop.segment).toBe(BigInt(number + 1))
      // Ten for the week; and the heads of a search by halves.
      expect(lists).toBeLessThanOrEqual(17)
      expect(requests).toBeLessThanOrEqual(40)
    }
  })

  test('a plan for an LSN lists from the backup to there', async () => {
    const { plan, lists } = await planned({ kind: 'lsn', lsn: lsnOf(123_456) + 8n, inclusive: true })
    expect(plan.stop.segment).toBe(123_457n)
    expect(lists).toBeLessThanOrEqual(16)
  })

  test('each of several repositories is asked as little', async () => {
    const { plan, lists } = await planned({ kind: 'latest' }, 2)
    expect(plan.backup.id).toBe(backups.at(-1)?.id)
    expect(lists).toBeLessThanOrEqual(6)
  })
})
