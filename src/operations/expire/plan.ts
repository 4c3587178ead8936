/** Decides what is removed from a repository and what stays, each with its reasons. Touches nothing. */
import type { ArchivedVerdict } from '../../policy/archiving.ts'
import { planDrills } from '../../policy/drill-retention.ts'
import { planDumps } from '../../policy/dump-retention.ts'
import {
  keptByRules,
  seriesOf,
  type KeepReason,
  type Kept,
  type MoreReasons,
} from '../../policy/keep-rules.ts'
import { planRetention, type RetentionPlan, type RetentionRules } from '../../policy/retention.ts'
import { eitherOf, walNeedsOf, type WalNeeds } from '../../policy/wal-needs.ts'
import { hour } from '../../base/units.ts'
import type { ManagedRecord } from '../../repository/format/managed-json.ts'
import { planSweep, type JudgedFolder } from '../../repository/sweep.ts'
import { backupShelf, dumpShelf } from '../../repository/shelf.ts'
import { parseTime } from '../../wal/time.ts'
import type { Doubts } from './doubts.ts'
import type { PlaceFacts } from './facts.ts'
import type { WalStretch } from './wal-survey.ts'

export type ItemKind = 'full' | 'incremental' | 'snapshot' | 'dump' | 'managed' | 'drill' | 'unreadable'

export interface ExpireItem {
  readonly id: string
  readonly kind: ItemKind
  /** Undefined when its record can not be read. */
  readonly endedAt: string | undefined
  readonly parent: string | undefined
  readonly storedBytes: number
  /** Why it does not count as good. */
  readonly flaw: string | undefined
  /** Kept when there is one. */
  readonly reasons: readonly KeepReason[]
}

export interface WalVerdict {
  readonly stretch: WalStretch
  /** Kept when there is one; as a clause without a subject. */
  readonly reason: string | undefined
}

export interface UnfinishedVerdict extends JudgedFolder {
  readonly of: 'backup' | 'dump'
  readonly isRemoved: boolean
}

export interface ExpirePlan {
  /** Backups in the order in which they were made: parents before children; then dumps, then what else there is. */
  readonly items: readonly ExpireItem[]
  readonly wal: readonly WalVerdict[]
  /** Folders that are no backups (yet). */
  readonly unfinished: readonly UnfinishedVerdict[]
}

export interface PlanRequest {
  readonly facts: PlaceFacts
  /** Of an archive instead: what its notes say. */
  readonly rules: RetentionRules | { readonly archived: readonly ArchivedVerdict[] }
  readonly more: MoreReasons
  /** Snapshots that nobody can rely on. */
  readonly doubts: Doubts
  readonly nowMs: number
  readonly segmentSizeBytes: number
  /** Who may be writing there now, in words; undefined when nobody can be. */
  readonly otherHolder: { readonly backup: string | undefined; readonly dump: string | undefined }
}

export function planExpiry(request: PlanRequest): ExpirePlan {
  const { facts } = request
  const judgement =
    'archived' in request.rules ? byNotes(request, request.rules.archived) : byRules(request, request.rules)
  const unreadable = facts.unreadable.map(({ id, reason }) =>
    itemOf({ id, kind: 'unreadable', reasons: [reason, ...(request.more.get(id) ?? [])] }),
  )
  return {
    items: [...judgement.items, ...unreadable],
    wal: facts.stretches.map(stretch => ({
      stretch,
      reason: facts.isWalUnsure
        ? 'a backup whose record can not be read may need it'
        : judgement.needs.reason(stretch.timeline, stretch.first),
    })),
    unfinished: [...unfinishedOf(request, 'backup'), ...unfinishedOf(request, 'dump')],
  }
}

interface Judgement {
  readonly items: readonly ExpireItem[]
  readonly needs: WalNeeds
}

/**
 * Twice, where snapshots are in doubt: as if all of them were there, and as if none of them were. What either of the two keeps
 * stays. So nothing goes because of a snapshot that may not be there, and none because somebody was asked in the wrong place.
 */
function byRules(request: PlanRequest, rules: RetentionRules): Judgement {
  const { doubts } = request
  const trusting = judge(request, rules, new Map())
  if (doubts.size === 0) return trusting
  const doubting = judge(request, rules, doubts)
  const others = new Map(doubting.items.map(item => [item.id, item]))
  return {
    items: trusting.items.map(item => {
      const flaw = item.flaw ?? doubts.get(item.id)
      const other = doubts.has(item.id) ? undefined : others.get(item.id)
      return other && !isRemoved(other) ? { ...other, flaw } : { ...item, flaw }
    }),
    needs: eitherOf(doubting.needs, trusting.needs),
  }
}

/** `bad`: what does not count as good, whatever else is said of it. */
function judge(
  { facts, more, nowMs, segmentSizeBytes }: PlanRequest,
  rules: RetentionRules,
  bad: Doubts,
): Judgement {
  const { walMs = 0 } = rules
  // Clocks of hosts differ a little, and a segment is stored after it was written.
  const liveSinceMs = nowMs - walMs - 1 * hour
  const newest = Math.max(...facts.paths.map(({ path }) => path.at(-1)?.timeline ?? 0))
  const paths = facts.paths
    .filter(({ path, newestMs }) => newestMs >= liveSinceMs || path.at(-1)?.timeline === newest)
    .map(({ path }) => path)
  const backups = facts.backups.map(({ facts: backup }) =>
    bad.has(backup.id) ? { ...backup, isDamaged: true } : backup,
  )
  const plan = planRetention(backups, rules, nowMs, { reasons: more, paths })
  const dumps = planDumps(
    facts.dumps.map(({ facts: dump }) => dump),
    rules,
    nowMs,
    more,
  )
  return {
    items: [
      ...plan.verdicts.map(({ backup: { id, kind, parent }, reasons }) =>
        itemOf({ ...facts.backups.find(one => one.facts.id === id), id, kind, parent, reasons }),
      ),
      ...dumps.map(({ dump: { id }, reasons }) =>
        itemOf({ ...facts.dumps.find(one => one.facts.id === id), id, kind: 'dump', reasons }),
      ),
      ...managedItems(facts.managed, rules, { nowMs, more, bad }),
      ...drillItems(facts.drills, rules, { nowMs, more }),
    ],
    needs: needsOf(plan, { facts, segmentSizeBytes }),
  }
}

function needsOf(
  plan: Pick<RetentionPlan, 'walBases' | 'consistentOnly'>,
  { facts, segmentSizeBytes }: Pick<PlanRequest, 'facts' | 'segmentSizeBytes'>,
): WalNeeds {
  const { awaiting, isOriginKnown } = facts
  return walNeedsOf({ ...plan, awaiting, isOriginKnown, segmentSizeBytes })
}

/** Snapshots of a managed server are a series for each server. */
function managedItems(
  managed: readonly ManagedRecord[],
  rules: RetentionRules,
  { nowMs, more, bad }: Pick<PlanRequest, 'nowMs' | 'more'> & { readonly bad: Doubts },
): readonly ExpireItem[] {
  const things = managed
    .map(record => ({ id: record.id, endedAt: parseTime(record.endedAt) ?? 0, record }))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const servers = Map.groupBy(things, ({ record }) => `${record.provider} ${record.instance}`)
  const kept: readonly Kept<(typeof things)[number]>[] = [...servers.values()].flatMap(some =>
    keptByRules(
      seriesOf(some, ({ id }) => !bad.has(id), { timeZone: rules.timeZone, nowMs }),
      rules.snapshots ?? rules,
      rules.minimum,
    ),
  )
  return things.map(({ id, record }) =>
    itemOf({
      id,
      kind: 'managed',
      endedAt: record.endedAt,
      reasons: [
        ...(more.get(id) ?? []),
        ...kept.filter(({ thing }) => thing.id === id).map(({ reason }) => reason),
      ],
    }),
  )
}

function drillItems(
  drills: PlaceFacts['drills'],
  rules: RetentionRules,
  { nowMs, more }: Pick<PlanRequest, 'nowMs' | 'more'>,
): readonly ExpireItem[] {
  const facts = drills.map(one => one.facts)
  return planDrills(facts, rules, nowMs, more).map(({ drill: { id }, reasons }) =>
    itemOf({ ...drills.find(one => one.facts.id === id), id, kind: 'drill', reasons }),
  )
}

/** Of an archive each backup stands alone, and notes beside them say until when. */
function byNotes(
  { facts, more, segmentSizeBytes }: PlanRequest,
  archived: readonly ArchivedVerdict[],
): Judgement {
  const reasonsOf = (id: string): readonly KeepReason[] => [
    ...(more.get(id) ?? []),
    ...(archived.find(verdict => verdict.id === id)?.reasons ?? []).map(({ text, untilMs }): KeepReason => ({
      rule: 'archived',
      text,
      untilMs,
      isSure: true,
    })),
  ]
  const items = [
    ...facts.backups.map(one =>
      itemOf({
        ...one,
        id: one.facts.id,
        kind: one.facts.kind,
        parent: one.facts.parent,
        reasons: reasonsOf(one.facts.id),
      }),
    ),
    ...facts.dumps.map(one =>
      itemOf({ ...one, id: one.facts.id, kind: 'dump', reasons: reasonsOf(one.facts.id) }),
    ),
  ]
  const { kept, parents } = withParents(items)
  const staying = facts.backups.map(one => one.facts).filter(({ id }) => kept.has(id))
  return {
    items: items.map(item => {
      const child = parents.get(item.id)
      if (child === undefined || item.reasons.length > 0) return item
      const text = `${child} is based on it`
      return { ...item, reasons: [{ rule: 'parent', text, untilMs: undefined, isSure: true }] }
    }),
    needs: walNeedsOf({
      walBases: [],
      consistentOnly: staying,
      awaiting: facts.awaiting,
      isOriginKnown: facts.isOriginKnown,
      isConsistentOnly: true,
      segmentSizeBytes,
    }),
  }
}

/** What is held or locked may be based on what no note keeps any more. */
function withParents(items: readonly ExpireItem[]): {
  readonly kept: ReadonlySet<string>
  readonly parents: ReadonlyMap<string, string>
} {
  const byId = new Map(items.map(item => [item.id, item]))
  const kept = new Set(items.filter(({ reasons }) => reasons.length > 0).map(({ id }) => id))
  const parents = new Map<string, string>()
  for (const id of kept) {
    const parent = byId.get(id)?.parent
    if (parent === undefined || !byId.has(parent)) continue
    parents.set(parent, id)
    // A set goes on with what is added while it is walked through.
    kept.add(parent)
  }
  return { kept, parents }
}

function unfinishedOf(
  { facts, nowMs, otherHolder }: PlanRequest,
  of: 'backup' | 'dump',
): readonly UnfinishedVerdict[] {
  const shelf = of === 'backup' ? backupShelf : dumpShelf
  const { remove, keep } = planSweep({
    folders: facts.folders[of],
    ownBackup: undefined,
    otherHolder: otherHolder[of],
    nowMs,
    shelf,
  })
  return [
    ...remove.map(judged => ({ ...judged, of, isRemoved: true })),
    ...keep.map(judged => ({ ...judged, of, isRemoved: false })),
  ]
}

function itemOf(given: Pick<ExpireItem, 'id' | 'kind' | 'reasons'> & Partial<ExpireItem>): ExpireItem {
  const { id, kind, reasons, endedAt, parent, storedBytes = 0, flaw } = given
  return { id, kind, endedAt, parent, storedBytes, flaw, reasons }
}

export const isRemoved = ({ reasons }: Pick<ExpireItem, 'reasons'>): boolean => reasons.length === 0
