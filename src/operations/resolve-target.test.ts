/** Plans against a simple model: replaying the list of what was written, by PostgreSQL's rules, one record at a time. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  WalHistory,
  backupRecordOf,
  segmentSizeBytes,
  type Happening,
  type HistoryBackup,
  type HistoryRecord,
} from '../../test/fakes/wal-history.ts'
import { isFault } from '../base/fault.ts'
import type { RecoveryTarget, TimelineChoice } from '../policy/recovery-target.ts'
import type { RestorePlan } from '../policy/restore-plan.ts'
import type { Lsn } from '../wal/lsn.ts'
import { segmentName } from '../wal/segment.ts'
import { planRestore } from './resolve-target.ts'

const signal = new AbortController().signal
const size = BigInt(segmentSizeBytes)
const names = ['a', 'b']

const happenings: fc.Arbitrary<Happening[]> = fc.array(
  fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({
        kind: fc.constantFrom('commit' as const, 'abort' as const),
        lateMicros: fc.nat(150),
      }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('filler' as const), sizeBytes: fc.nat(2500) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('filler' as const), sizeBytes: fc.nat(20_000) }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('restore point' as const), name: fc.constantFrom(...names) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('switch' as const) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('backup' as const),
        commits: fc.nat(5),
        fillerBytes: fc.nat(12_000),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('promotion' as const),
        archivesPartial: fc.boolean(),
        parentGoesOn: fc.nat(60),
      }),
    },
  ),
  { minLength: 10, maxLength: 140, size: 'max' },
)

interface Case {
  readonly history: WalHistory
  readonly target: RecoveryTarget
  readonly timeline: TimelineChoice
  readonly backupId: string | undefined
}

interface Drawn {
  readonly happenings: readonly Happening[]
  readonly lost: readonly number[]
  readonly losesAny: boolean
  readonly kind: string
  readonly inclusive: boolean
  readonly near: number
  readonly off: number
  readonly name: string
  readonly timeline: TimelineChoice
  readonly backup: number | null
}

/** Drawn as plain values, so that a case that fails can be read. */
const cases: fc.Arbitrary<Drawn> = fc.record({
  happenings,
  lost: fc.array(fc.nat(1000), { maxLength: 3 }),
  losesAny: fc.boolean(),
  kind: fc.constantFrom('latest', 'time', 'lsn', 'xid', 'name', 'immediate'),
  inclusive: fc.boolean(),
  near: fc.nat(100_000),
  off: fc.constantFrom(-1, 0, 0, 1, 700),
  name: fc.constantFrom(...names, 'never'),
  timeline: fc.constantFrom<TimelineChoice>('latest', 'latest', 'current', 1, 2, 3),
  backup: fc.oneof({ weight: 5, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(5) }),
})

function caseOf({
  happenings: list,
  lost,
  losesAny,
  kind,
  inclusive,
  near,
  off,
  name,
  timeline,
  backup,
}: Drawn): Case {
  const history = new WalHistory(list)
  const stored = [...history.archived.keys()]
  for (const index of losesAny ? lost : []) history.archived.delete(stored[index % stored.length] ?? '')
  const records = history.timelines.flatMap(({ records: own }) => own)
  const record = records[near % Math.max(1, records.length)]
  const backupId = backup === null ? undefined : history.backups[backup]?.id
  return { history, target: targetNear(kind, record, { inclusive, off, name }), timeline, backupId }
}

function targetNear(
  kind: string,
  record: HistoryRecord | undefined,
  { inclusive, off, name }: { inclusive: boolean; off: number; name: string },
): RecoveryTarget {
  switch (kind) {
    case 'time':
      return { kind: 'time', time: (record?.time || Date.UTC(2026, 2, 1) * 1000) + off, inclusive }
    case 'lsn':
      return { kind: 'lsn', lsn: (record?.startLsn ?? 0n) + BigInt(off), inclusive }
    case 'xid':
      return { kind: 'xid', xid: BigInt(record?.xid ?? 0), inclusive }
    case 'name':
      return { kind: 'name', name }
    default:
      return kind === 'latest' ? { kind: 'latest' } : { kind: 'immediate' }
  }
}

interface Expected {
  readonly backup: HistoryBackup
  readonly stopLsn: Lsn
  readonly lastXid: number | undefined
}

/** What must happen: the first backup, newest first, from which PostgreSQL would come to the target. */
function expectedOf({ history, target, timeline, backupId }: Case): Expected | undefined {
  const asked = history.backups.filter(({ id }) => backupId === undefined || id === backupId)
  const ways = asked
    .flatMap(backup => wayFrom(history, backup, timeline))
    .toSorted((a, b) => b.timeline - a.timeline || Number(b.backup.stopLsn - a.backup.stopLsn))
    .filter(({ backup, endLsn }) => endLsn >= backup.stopLsn)
  for (const way of ways) {
    const replayed = replay(way, target)
    if (replayed) return replayed
    if (target.kind === 'latest') return undefined
  }
  return undefined
}

interface Way {
  readonly backup: HistoryBackup
  readonly timeline: number
  /** What PostgreSQL can read, in order; and whether more of it lies beyond something missing. */
  readonly records: readonly HistoryRecord[]
  readonly endLsn: Lsn
  readonly hasGap: boolean
}

function wayFrom(history: WalHistory, backup: HistoryBackup, choice: TimelineChoice): Way[] {
  const passes = (timeline: number): boolean => {
    const line = history.line(timeline)
    const at = line.findIndex(each => each.timeline === backup.timeline)
    return at >= 0 && backup.stopLsn <= (line[at + 1]?.beginLsn ?? backup.stopLsn)
  }
  const hasAny = (timeline: number): boolean =>
    [...history.archived.keys()].some(
      name => Number.parseInt(name.slice(0, 8), 16) === timeline && name.length === 24,
    )
  const newest = history.timelines.findLast(({ timeline }) => passes(timeline) && hasAny(timeline))?.timeline
  const timeline =
    choice === 'latest' ? (newest ?? backup.timeline) : choice === 'current' ? backup.timeline : choice
  if (!passes(timeline)) return []
  const line = history.line(timeline)
  const nameOf = (number: bigint): string => {
    const owner = line.findLast(({ beginLsn }) => number >= beginLsn / size)?.timeline ?? 1
    return segmentName({ timeline: owner, number }, segmentSizeBytes)
  }
  let number = backup.startLsn / size
  while (history.archived.has(nameOf(number))) number++
  const limit = history.newest.writer.lsn / size + 100n
  let hasGap = false
  for (let later = number + 1n; later < limit; later++) hasGap ||= history.archived.has(nameOf(later))
  const usesPartial = !hasGap && history.archived.has(`${nameOf(number)}.partial`)
  const endLsn = (usesPartial ? number + 1n : number) * size
  const records = history
    .recordsOn(timeline)
    .filter(each => each.startLsn >= backup.startLsn && each.endLsn <= endLsn)
  return [{ backup, timeline, records, endLsn: number * size, hasGap }]
}

/** PostgreSQL's loop: stop before this record? replay it; stop after it? Stopping while not consistent is an error. */
function replay({ backup, records, hasGap }: Way, target: RecoveryTarget): Expected | undefined {
  if (target.kind === 'immediate') return { backup, stopLsn: backup.stopLsn, lastXid: undefined }
  if (target.kind === 'latest' && hasGap) return undefined
  if (target.kind === 'time' && target.time < backup.startedAt) return undefined
  if (target.kind === 'lsn' && target.lsn < backup.stopLsn) return undefined
  let lastXid: number | undefined
  for (const record of records) {
    const ends = record.kind === 'commit' || record.kind === 'abort'
    if (stopsAt(record, ends, target, false)) {
      return record.startLsn >= backup.stopLsn ? { backup, stopLsn: record.startLsn, lastXid } : undefined
    }
    if (ends) lastXid = record.xid
    if (stopsAt(record, ends, target, true)) {
      return record.endLsn >= backup.stopLsn ? { backup, stopLsn: record.startLsn, lastXid } : undefined
    }
  }
  return target.kind === 'latest' ? { backup, stopLsn: records.at(-1)?.endLsn ?? 0n, lastXid } : undefined
}

function stopsAt(record: HistoryRecord, ends: boolean, target: RecoveryTarget, after: boolean): boolean {
  switch (target.kind) {
    case 'time':
      return !after && ends && (target.inclusive ? record.time > target.time : record.time >= target.time)
    case 'lsn':
      return target.inclusive === after && record.startLsn >= target.lsn
    case 'xid':
      return target.inclusive === after && ends && record.xid === Number(target.xid)
    case 'name':
      return after && record.kind === 'restore point' && record.name === target.name
    default:
      return false
  }
}

async function plan(
  { history, target, timeline, backupId }: Case,
  hasKey = true,
  surveyedMax?: number,
): Promise<RestorePlan | undefined> {
  const deps = {
    backups: history.backups.map(backupRecordOf),
    wal: history.store(hasKey, surveyedMax),
    walSegmentSizeBytes: segmentSizeBytes,
  }
  try {
    return await planRestore(deps, { target, timeline, backupId }, signal)
  } catch (error) {
    if (!isFault(error, 'TARGET_UNREACHABLE', 'KEY_MISSING')) throw error
    expect(error.hint).not.toBe('')
    return undefined
  }
}

describe('planning a restore', () => {
  test('finds the backup and the stopping point that PostgreSQL would come to, or refuses', async () => {
    let reached = 0
    await fc.assert(
      fc.asyncProperty(cases, async drawn => {
        const each = caseOf(drawn)
        const expected = expectedOf(each)
        const planned = await plan(each)
        expect(planned?.backup.id).toBe(expected?.backup.id)
        if (!planned || !expected) return
        reached++
        expect(planned.stop.lsn).toBe(expected.stopLsn)
        expect(planned.stop.isExact).toBe(true)
        // What ended before the backup began is told too, when it stands in the same segment.
        if (expected.lastXid !== undefined) expect(planned.stop.last?.xid).toBe(expected.lastXid)
      }),
      { numRuns: 400 },
    )
    expect(reached).toBeGreaterThan(50)
  })

  test('names only WAL that is there, without a gap from the backup to the stopping point', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async drawn => {
        const each = caseOf(drawn)
        const planned = await plan(each)
        if (!planned) return
        const { segments, partial, requireThrough } = planned.wal
        const all = partial === undefined ? segments : [...segments, partial]
        for (const name of all) expect([...each.history.archived.keys()]).toContain(name)
        const numbers = all.map(
          name =>
            BigInt(`0x${name.slice(16, 24)}`) + BigInt(`0x${name.slice(8, 16)}`) * (0x1_0000_0000n / size),
        )
        expect(numbers).toEqual(numbers.map((_, i) => (numbers[0] ?? 0n) + BigInt(i)))
        expect(numbers[0]).toBe(planned.backup.startLsn / size)
        expect((numbers.at(-1) ?? 0n) + 1n).toBeGreaterThanOrEqual(planned.stop.lsn / size)
        expect(requireThrough).toBe(segments.at(-1))
      }),
      { numRuns: 200 },
    )
  })

  test('looks at a part of the WAL, and comes to the same plan as if it had looked at all', async () => {
    let planned = 0
    await fc.assert(
      fc.asyncProperty(cases, fc.boolean(), async (drawn, hasKey) => {
        const each = caseOf(drawn)
        const [whole, part] = [await plan(each, hasKey), await plan(each, hasKey, 1)]
        const essence = (one: RestorePlan | undefined) => one && { ...one, reasons: [] }
        expect(essence(part)).toEqual(essence(whole))
        if (part) planned++
      }),
      { numRuns: 400 },
    )
    expect(planned).toBeGreaterThan(50)
  })

  test('without a key it comes to the right segment, from the same backup or an earlier one, or refuses', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async drawn => {
        const each = caseOf(drawn)
        const [exact, rough] = [await plan(each), await plan(each, false)]
        if (!rough) return
        if (rough.stop.isExact) expect(rough.stop).toMatchObject({ where: 'consistent' })
        if (each.target.kind === 'lsn') return
        expect(rough.backup.stopLsn).toBeLessThanOrEqual(exact?.backup.stopLsn ?? -1n)
        const apart = (exact?.stop.segment ?? 0n) - rough.stop.segment
        expect(apart >= -1n && apart <= 1n).toBe(true)
      }),
      { numRuns: 200 },
    )
  })
})
