/**
 * Retention of base backups, of snapshots that WAL can be replayed on, and of WAL: which are kept, for which reasons, and
 * how long each reason is sure to last. Decides only. The language of the rules is in keep-rules.ts.
 *
 * A *good* backup is one that a restore would begin with: no page of it or of what it is based on is damaged, and
 * nothing of that is missing.
 */
import { formatDuration } from '../base/units.ts'
import type { BackupFacts } from './backup-facts.ts'
import {
  keptByRules,
  lastUntilMs,
  seriesOf,
  type KeepReason,
  type KeepRules,
  type Kept,
  type MoreReasons,
  type Series,
} from './keep-rules.ts'
import { passesThrough, type TimelinePath } from './timeline-path.ts'

export interface RetentionRules extends KeepRules {
  /** Of snapshots; undefined: as of other backups. */
  readonly snapshots?: KeepRules | undefined
  /** Of dumps; undefined: all are kept. */
  readonly dumps?: KeepRules | undefined
  /** Of reports of drills; undefined: all are kept. */
  readonly drills?: KeepRules | undefined
  /** Never fewer good backups than this, whatever the other rules say. */
  readonly minimum: number
  /** Every moment of this long can be restored; undefined: every moment since the oldest backup that is kept. */
  readonly walMs?: number | undefined
  readonly timeZone: string
}

export interface RetentionVerdict {
  readonly backup: BackupFacts
  /** Kept when there is one. */
  readonly reasons: readonly KeepReason[]
}

export interface RetentionPlan {
  /** In the order in which they were made. */
  readonly verdicts: readonly RetentionVerdict[]
  /** WAL is kept from the start of this backup on; undefined when there is no good one. */
  readonly walFrom: BackupFacts | undefined
  /** WAL is kept from the start of each of these on; `walFrom` is one of them. More than one where timelines parted. */
  readonly walBases: readonly BackupFacts[]
  /** Kept, and before all of those: of their WAL only what makes each of them consistent. */
  readonly consistentOnly: readonly BackupFacts[]
}

/** What the configuration and the catalogue do not tell. */
export interface RetentionMore {
  readonly reasons?: MoreReasons | undefined
  /** Ways to the timelines that were written on within the window, where that is known. */
  readonly paths?: readonly TimelinePath[] | undefined
}

export function planRetention(
  backups: readonly BackupFacts[],
  rules: RetentionRules,
  nowMs: number,
  { reasons: more = new Map(), paths = [] }: RetentionMore = {},
): RetentionPlan {
  const all = backups.toSorted(inOrder)
  const byId = new Map(all.map(backup => [backup.id, backup]))
  // What can vanish outside of Holdfast is nothing to rely on, as long as there is anything else.
  const isSnapshot = ({ kind }: BackupFacts): boolean => kind === 'snapshot'
  const seriesWith = (some: readonly BackupFacts[]): Series<BackupFacts> =>
    seriesOf(some, backup => isGood(backup, byId), { timeZone: rules.timeZone, nowMs })
  const stored = seriesWith(all.filter(backup => !isSnapshot(backup)))
  const snapshots = seriesWith(all.filter(isSnapshot))
  const [main, others] = stored.good.length > 0 ? [stored, snapshots] : [snapshots, stored]
  const reasons = new Map<string, KeepReason[]>(all.map(({ id }) => [id, [...(more.get(id) ?? [])]]))
  const keep = (given: readonly Kept<BackupFacts>[]): void => {
    for (const { thing, reason } of given) reasons.get(thing.id)?.push(reason)
  }
  const rulesFor = (some: Series<BackupFacts>): KeepRules =>
    some === snapshots && rules.snapshots ? rules.snapshots : rules
  keep(keptByRules(main, rulesFor(main), rules.minimum))
  keep(keptByRules(others, rulesFor(others), 0))
  const isKept = ({ id }: BackupFacts): boolean => (reasons.get(id)?.length ?? 0) > 0
  const windows = beginningsOfWindow(main, rules, paths)
  const windowBases = [...new Set(windows.map(({ base }) => base))]
  keep(windowBases.map(base => ({ thing: base, reason: reasonOfBase(base, main, rules) })))
  const nexts = new Set(windows.flatMap(({ next }) => next ?? []))
  keep([...nexts].map(next => ({ thing: next, reason: reasonOfNext(next, main, rules) })))
  keep(parentsOf(all, byId, reasons))
  const goodKept = main.good.filter(isKept).toReversed()
  const walBases = rules.walMs === undefined ? firstOfEachTimeline(goodKept) : windowBases
  return {
    verdicts: all.map(backup => ({ backup, reasons: reasons.get(backup.id) ?? [] })),
    walFrom: walBases[0],
    walBases,
    consistentOnly:
      walBases.length === 0
        ? []
        : all.filter(backup => isKept(backup) && !walBases.some(base => leadsTo(base, backup))),
  }
}

const inOrder = (a: BackupFacts, b: BackupFacts): number =>
  a.timeline - b.timeline || compare(a.startLsn, b.startLsn) || a.endedAt - b.endedAt || compare(a.id, b.id)

const compare = <T extends bigint | string>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0)

function isGood(backup: BackupFacts, byId: ReadonlyMap<string, BackupFacts>): boolean {
  const chain = [backup, ...ancestorsOf(backup, byId)]
  return chain.at(-1)?.parent === undefined && chain.every(({ isDamaged }) => !isDamaged)
}

/** WAL that is kept from the start of `base` on is that of the other, too. */
const leadsTo = (base: BackupFacts, { timeline, startLsn }: BackupFacts): boolean =>
  base.timeline <= timeline && base.startLsn <= startLsn

interface Beginning {
  /** The newest good backup that had ended when the window of WAL begins: the one that its first moment is restored from. */
  readonly base: BackupFacts
  /** Takes its place when it is as old. Were it not kept, nothing ever would, and WAL would be kept from `base` on for ever. */
  readonly next: BackupFacts | undefined
}

/**
 * Where timelines parted within the window, the first moment of each may have another base. The first is that of all
 * together.
 */
function beginningsOfWindow(
  { good, endedMs, nowMs }: Series<BackupFacts>,
  { walMs }: RetentionRules,
  paths: readonly TimelinePath[],
): readonly Beginning[] {
  if (walMs === undefined) return []
  const beginningAmong = (newestFirst: readonly BackupFacts[]): Beginning | undefined => {
    const at = newestFirst.findIndex(backup => endedMs(backup) <= nowMs - walMs)
    const index = at < 0 ? newestFirst.length - 1 : at
    const base = newestFirst[index]
    return base && { base, next: newestFirst[index - 1] }
  }
  const beginnings = [
    beginningAmong(good),
    ...paths.map(path =>
      beginningAmong(good.filter(({ timeline, stopLsn }) => passesThrough(path, timeline, stopLsn))),
    ),
  ]
  return beginnings.filter(one => one !== undefined)
}

function firstOfEachTimeline(oldestFirst: readonly BackupFacts[]): readonly BackupFacts[] {
  return [...Map.groupBy(oldestFirst, ({ timeline }) => timeline).values()].flatMap(([first]) => first ?? [])
}

/** It is needed until the next one is as old. */
function reasonOfBase(
  base: BackupFacts,
  { good, endedMs, nowMs }: Series<BackupFacts>,
  { walMs = 0 }: RetentionRules,
): KeepReason {
  const next = good[good.indexOf(base) - 1]
  const text = `the window of ${formatDuration(walMs)} begins with it`
  return { rule: 'window', text, untilMs: (next ? endedMs(next) : nowMs) + walMs, isSure: true }
}

/** Then it is what the window begins with. */
function reasonOfNext(
  next: BackupFacts,
  { endedMs }: Series<BackupFacts>,
  { walMs = 0 }: RetentionRules,
): KeepReason {
  const text = `the window of ${formatDuration(walMs)} begins with it next`
  return { rule: 'window', text, untilMs: endedMs(next) + walMs, isSure: true }
}

/** What a kept backup is based on is kept for as long. */
function parentsOf(
  all: readonly BackupFacts[],
  byId: ReadonlyMap<string, BackupFacts>,
  reasons: ReadonlyMap<string, readonly KeepReason[]>,
): readonly Kept<BackupFacts>[] {
  return all.flatMap(child => {
    const own = reasons.get(child.id) ?? []
    const parents = own.length === 0 ? [] : ancestorsOf(child, byId)
    const reason: KeepReason = {
      rule: 'parent',
      text: `${child.id} is based on it`,
      untilMs: lastUntilMs(own),
      isSure: own.every(({ isSure }) => isSure),
    }
    return parents.map(thing => ({ thing, reason }))
  })
}

/** What it is based on, the nearest first; of a chain that is broken, what is there of it. */
function ancestorsOf(backup: BackupFacts, byId: ReadonlyMap<string, BackupFacts>): readonly BackupFacts[] {
  const found = new Set<BackupFacts>()
  for (let { parent } = backup; parent !== undefined;) {
    const next = byId.get(parent)
    if (!next || next === backup || found.has(next)) break
    found.add(next)
    parent = next.parent
  }
  return [...found]
}
