/**
 * Until when backups, dumps and WAL have to be locked, by the rules of retention. Decides only.
 *
 * A backup is locked for as long as it is sure to be kept. WAL is locked for the backups that need it: to become
 * consistent, and (where every moment is to be kept) to go on from them.
 */
import { limits } from '../../base/limits.ts'
import { formatDuration } from '../../base/units.ts'
import type { BackupFacts } from '../../policy/backup-facts.ts'
import { planDumps, type DumpFacts } from '../../policy/dump-retention.ts'
import { lastUntilMs, type KeepReason, type MoreReasons } from '../../policy/keep-rules.ts'
import { planRetention, type RetentionRules } from '../../policy/retention.ts'
import { segmentAt, segmentBefore } from '../../wal/segment.ts'

export interface LockTime {
  readonly untilMs: number
  readonly reason: string
  /** The time goes on with the clock until the next backup is made: it need not be followed at once. */
  readonly isOpen: boolean
}

export interface BackupLockTime extends LockTime {
  readonly id: string
}

/** Of dumps that are kept, the newest first. A dump stands alone: nothing else is locked for its sake. */
export function dumpLockTimes(
  dumps: readonly DumpFacts[],
  rules: RetentionRules,
  nowMs: number,
  /** Of what is held. */
  held: MoreReasons = new Map(),
): readonly BackupLockTime[] {
  return planDumps(dumps, rules, nowMs, held)
    .filter(({ reasons }) => reasons.length > 0)
    .map(({ dump, reasons }) => ({ id: dump.id, ...timeOf(reasons, nowMs) }))
    .toReversed()
}

export interface LockTimes {
  /** Of backups that are kept, the newest first: it is the one that is missed most. */
  readonly backups: readonly BackupLockTime[]
  /** Undefined when nothing needs the segment. */
  wal(timeline: number, number: bigint): LockTime | undefined
  /** Segments of a timeline at which the answer of `wal` may change, in ascending order. */
  boundaries(timeline: number): readonly bigint[]
  /** Where the WAL of the newest backup begins. */
  readonly openFrom: { readonly timeline: number; readonly number: bigint } | undefined
}

export function lockTimes(
  backups: readonly BackupFacts[],
  rules: RetentionRules,
  segmentSizeBytes: number,
  nowMs: number,
  /** Of what is held. */
  held: MoreReasons = new Map(),
): LockTimes {
  const { verdicts } = planRetention(backups, rules, nowMs, { reasons: held })
  const kept = verdicts
    .filter(({ reasons }) => reasons.length > 0)
    .map(({ backup, reasons }) => ({ ...spanOf(backup, segmentSizeBytes), ...timeOf(reasons, nowMs) }))
    .toReversed()
  const spans = verdicts.map(({ backup }) => spanOf(backup, segmentSizeBytes))
  const rule: WalRule =
    rules.walMs === undefined
      ? { isNeeded: isToGoOn, window: undefined }
      : { isNeeded: isToBecomeConsistent, window: { walMs: rules.walMs, spans: kept, nowMs } }
  const newest = spans.at(-1)
  return {
    ...timesOfKept(kept, spans, rule),
    openFrom: newest && { timeline: newest.timeline, number: newest.first },
  }
}

/** Each backup stands alone, with the WAL that makes it consistent. `kept`: the newest first. */
export function standaloneTimes(
  backups: readonly BackupFacts[],
  kept: readonly BackupLockTime[],
  segmentSizeBytes: number,
): Omit<LockTimes, 'openFrom'> {
  const spans = backups.map(backup => spanOf(backup, segmentSizeBytes))
  const keptSpans = kept.flatMap(time => {
    const span = spans.find(({ id }) => id === time.id)
    return span ? [{ ...span, ...time }] : []
  })
  return timesOfKept(keptSpans, spans, { isNeeded: isToBecomeConsistent, window: undefined })
}

function timesOfKept(
  kept: readonly (Span & LockTime)[],
  spans: readonly Span[],
  rule: WalRule,
): Omit<LockTimes, 'openFrom'> {
  return {
    backups: kept.map(({ id, untilMs, reason, isOpen }) => ({ id, untilMs, reason, isOpen })),
    wal: remembered(spans, (timeline, number) => walTime({ timeline, number }, kept, rule)),
    boundaries: timeline => boundariesOf(spans, timeline),
  }
}

interface Span {
  readonly id: string
  readonly timeline: number
  readonly first: bigint
  readonly last: bigint
  readonly endedMs: number
  readonly isGood: boolean
}

function spanOf(backup: BackupFacts, segmentSizeBytes: number): Span {
  const { id, timeline, startLsn, stopLsn, endedAt, isDamaged } = backup
  return {
    id,
    timeline,
    first: segmentAt(timeline, startLsn, segmentSizeBytes).number,
    last: segmentBefore(timeline, stopLsn, segmentSizeBytes).number,
    endedMs: Math.floor(endedAt / 1000),
    isGood: !isDamaged,
  }
}

/** What no rule gives a time, and the last good ones, are locked for the least time at each run. */
function timeOf(reasons: readonly KeepReason[], nowMs: number): LockTime {
  const least = nowMs + limits.lockMsMin
  const untilMs = lastUntilMs(reasons) ?? least
  const isLastGood = reasons.some(({ rule }) => rule === 'minimum')
  const strongest = reasons.toSorted((a, b) => (b.untilMs ?? 0) - (a.untilMs ?? 0))[0]
  return {
    untilMs: isLastGood ? Math.max(untilMs, least) : untilMs,
    reason: strongest?.text ?? '',
    isOpen: false,
  }
}

interface KeptWindow {
  readonly walMs: number
  readonly spans: readonly Span[]
  readonly nowMs: number
}

/** Which WAL a kept backup needs, and what the window needs besides. */
interface WalRule {
  readonly isNeeded: (span: Span, place: Place) => boolean
  readonly window: KeptWindow | undefined
}

interface Place {
  readonly timeline: number
  readonly number: bigint
}

function walTime(
  place: Place,
  kept: readonly (Span & LockTime)[],
  { isNeeded, window }: WalRule,
): LockTime | undefined {
  const ofBackups = kept
    .filter(span => isNeeded(span, place))
    .map(({ id, untilMs, isOpen }) => ({ untilMs, reason: `needed by ${id}`, isOpen }))
  const ofWindow = window && windowTime(place, window)
  return [...ofBackups, ...(ofWindow ? [ofWindow] : [])].toSorted((a, b) => b.untilMs - a.untilMs)[0]
}

const isToGoOn = (span: Span, { timeline, number }: Place): boolean =>
  span.timeline <= timeline && span.first <= number
const isToBecomeConsistent = (span: Span, place: Place): boolean =>
  isToGoOn(span, place) && place.number <= span.last

/** Moments behind a later backup are restored from that one, as soon as it is as old as the window is long. */
function windowTime(place: Place, { walMs, spans, nowMs }: KeptWindow): LockTime | undefined {
  const later = spans.filter(span => span.isGood && isBehind(span, place)).map(({ endedMs }) => endedMs)
  const text = `within the window of ${formatDuration(walMs)}`
  if (later.length === 0) return { untilMs: nowMs + walMs, reason: text, isOpen: true }
  const untilMs = Math.min(...later) + walMs
  return untilMs > nowMs ? { untilMs, reason: text, isOpen: false } : undefined
}

const isBehind = (span: Span, { timeline, number }: Place): boolean =>
  span.timeline > timeline || (span.timeline === timeline && span.first > number)

function boundariesOf(spans: readonly Span[], timeline: number): readonly bigint[] {
  const numbers = spans
    .filter(span => span.timeline <= timeline)
    .flatMap(({ first, last }) => [first, last + 1n])
  return [...new Set(numbers)].sort((a, b) => (a < b ? -1 : 1))
}

/** Between two boundaries all segments have the same answer. */
function remembered(
  spans: readonly Span[],
  ask: (timeline: number, number: bigint) => LockTime | undefined,
): (timeline: number, number: bigint) => LockTime | undefined {
  const timelines = new Map<
    number,
    { boundaries: readonly bigint[]; known: Map<number, LockTime | undefined> }
  >()
  return (timeline, number) => {
    const entry = timelines.get(timeline) ?? {
      boundaries: boundariesOf(spans, timeline),
      known: new Map<number, LockTime | undefined>(),
    }
    timelines.set(timeline, entry)
    const index = countUpTo(entry.boundaries, number)
    if (!entry.known.has(index)) entry.known.set(index, ask(timeline, number))
    return entry.known.get(index)
  }
}

/** How many of them are not above `number`. */
function countUpTo(ascending: readonly bigint[], number: bigint): number {
  let [low, high] = [0, ascending.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ascending[middle] ?? 0n) <= number) low = middle + 1
    else high = middle
  }
  return low
}
