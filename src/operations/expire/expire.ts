/**
 * `expire`: removes what retention lets go, in one repository (or its archive). A pure plan says what goes and what stays, and
 * why; a dry run shows it; this carries out exactly that.
 *
 * While it removes it holds the leases `expire`, `backup` and `dump`: nobody commits, copies, repairs, archives, holds or
 * sweeps there meanwhile. Pushing WAL and restoring go on.
 */
import type { Log } from '../../base/log.ts'
import type { Progress } from '../../base/progress.ts'
import type { World } from '../../base/world.ts'
import { planArchived, type ArchivedVerdict } from '../../policy/archiving.ts'
import type { KeepReason, MoreReasons } from '../../policy/keep-rules.ts'
import type { RetentionRules } from '../../policy/retention.ts'
import { readExpiryNotes } from '../../repository/expiry-notes.ts'
import { acquireLease, leaseOwner, readLease } from '../../repository/lease.ts'
import type { LeaseName } from '../../repository/lease-objects.ts'
import type { Repository } from '../../repository/repository.ts'
import { readArchived } from '../archive/read-archived.ts'
import { heldReasons } from '../held-reasons.ts'
import { carryOut, type CarriedOut } from './carry-out.ts'
import { assertSameClock, assertSaneClock } from './clock.ts'
import { doubtsOf, type Holders } from './doubts.ts'
import { readPlace, type PlaceFacts } from './facts.ts'
import { lockedReasons, mayHaveLocks } from './locked.ts'
import { owedTo, type Owed, type Receiver } from './owed.ts'
import { isRemoved, planExpiry, type ExpirePlan, type PlanRequest } from './plan.ts'
import { dropFromIndexes, settle, type ExpireProblem, type Outside } from './settle.ts'
import { removableWal, type Sparing, type WalTally } from './wal-removal.ts'

export interface ExpireDeps {
  readonly repository: Repository
  readonly rules: RetentionRules | 'archive'
  /** Other repositories that are filled from this one. */
  readonly receivers: readonly Receiver[]
  readonly outside: Outside
  /** Of snapshots: whoever can tell whether they are there. */
  readonly holders: Holders
  readonly world: World
  readonly progress: Progress
  readonly log: Log
}

export interface PlannedPlace extends ExpirePlan {
  readonly atMs: number
  /** Of WAL that is not needed: what goes, and what stays all the same. */
  readonly walTallies: readonly WalTally[]
  /** Ids that an earlier run began to remove. */
  readonly unsettled: readonly string[]
  readonly unasked: Owed['unasked']
}

export interface ExpiredPlace extends PlannedPlace, CarriedOut {
  /** What earlier runs left, and is gone now. */
  readonly settled: readonly string[]
}

/** Decides, and touches nothing. */
export async function planPlace(deps: ExpireDeps, signal: AbortSignal): Promise<PlannedPlace> {
  await assertSaneClock(deps.repository, signal)
  const otherHolder = {
    backup: await holderOf(deps, 'backup', signal),
    dump: await holderOf(deps, 'dump', signal),
  }
  return (await decide(deps, otherHolder, signal)).plan
}

/** `shown`: what somebody agreed to. Nothing else goes, whatever has become of it since. */
export async function expirePlace(
  deps: ExpireDeps,
  shown: ExpirePlan | undefined,
  signal: AbortSignal,
): Promise<ExpiredPlace> {
  const { repository, world, outside, progress } = deps
  const owner = await leaseOwner('expire')
  await using leases = new AsyncDisposableStack()
  const lost: AbortSignal[] = [signal]
  for (const name of ['expire', 'backup', 'dump'] as const)
    lost.push(leases.use(await acquireLease(repository, name, owner, world, signal)).lost)
  const held = AbortSignal.any(lost)
  await assertSameClock(repository, world, held)
  progress.phase('finishing what was cut off')
  const before = await settleAll(repository, outside, held)
  const { plan, sparing, lost: unlisted } = await decide(deps, { backup: undefined, dump: undefined }, held)
  await dropFromIndexes(repository, unlisted, held)
  const agreed = shown ? both(plan, shown) : plan
  const done = await carryOut(deps, agreed, sparing, held)
  return { ...agreed, ...done, settled: before.ids, problems: [...before.problems, ...done.problems] }
}

async function settleAll(
  repository: Repository,
  outside: Outside,
  signal: AbortSignal,
): Promise<{ readonly ids: readonly string[]; readonly problems: readonly ExpireProblem[] }> {
  const ids: string[] = []
  const problems: ExpireProblem[] = []
  for (const note of await readExpiryNotes(repository, signal)) {
    const settled = await settle(repository, note, outside, signal)
    ids.push(...settled.ids)
    problems.push(...settled.problems)
  }
  return { ids, problems }
}

async function decide(
  deps: ExpireDeps,
  otherHolder: PlanRequest['otherHolder'],
  signal: AbortSignal,
): Promise<{ readonly plan: PlannedPlace; readonly sparing: Sparing; readonly lost: readonly string[] }> {
  const { repository } = deps
  const { request, owed } = await lookAtAll(deps, otherHolder, signal)
  const { facts, nowMs } = request
  const wanted = planExpiry(request)
  const locked = await lockedReasons(repository, wanted.items.filter(isRemoved), nowMs, signal)
  const lockedToo = new Map([...locked].map(([id, reason]) => [id, [reason]]))
  const plan =
    locked.size === 0 ? wanted : planExpiry({ ...request, more: withReasons(request.more, lockedToo) })
  const looksAtLocks = await mayHaveLocks(repository, signal)
  const sparing: Sparing = { ofName: owed.ofWal, looksAtLocks, nowMs }
  const walTallies: WalTally[] = []
  for (const { stretch, reason } of plan.wal)
    if (reason === undefined)
      walTallies.push(await removableWal(repository, stretch, sparing, undefined, signal))
  const notes = await readExpiryNotes(repository, signal)
  const unsettled = notes.flatMap(({ ids }) => ids)
  return {
    plan: { ...plan, atMs: nowMs, walTallies, unsettled, unasked: owed.unasked },
    sparing,
    lost: facts.lost,
  }
}

export interface Looked {
  readonly request: PlanRequest
  readonly owed: Owed
}

/** All that a plan is made from, but for locks: those are looked at where something would go. */
export async function lookAtAll(
  deps: Pick<ExpireDeps, 'repository' | 'rules' | 'receivers' | 'holders' | 'world' | 'progress'>,
  otherHolder: PlanRequest['otherHolder'],
  signal: AbortSignal,
): Promise<Looked> {
  const { repository, rules, receivers, holders, world, progress } = deps
  progress.phase('looking at everything')
  const facts = await readPlace(repository, signal)
  const nowMs = world.clock.now()
  const copyable = facts.summaries.filter(({ id, checks }) =>
    facts.backups.some(
      ({ facts: one, flaw }) => one.id === id && (flaw === undefined || checks.pagesCorrupt > 0),
    ),
  )
  const dumps = facts.dumps.filter(({ flaw }) => flaw === undefined).map(one => one.facts)
  const drills = facts.drills.map(one => one.facts)
  const owed = await owedTo(receivers, { backups: copyable, dumps, drills }, nowMs, signal)
  const more = withReasons(owed.reasons, await heldReasons(repository, nowMs, signal))
  const request: PlanRequest = {
    facts,
    rules: rules === 'archive' ? { archived: await notesOf(repository, facts, nowMs, signal) } : rules,
    more,
    doubts: await doubtsOf(repository, facts, holders, signal),
    nowMs,
    segmentSizeBytes: repository.identity.walSegmentSizeBytes,
    otherHolder,
  }
  return { request, owed }
}

function withReasons(more: MoreReasons, added: MoreReasons): MoreReasons {
  const all = new Map(more)
  for (const [id, reasons] of added) all.set(id, [...(all.get(id) ?? []), ...reasons])
  return all
}

async function notesOf(
  repository: Repository,
  facts: PlaceFacts,
  nowMs: number,
  signal: AbortSignal,
): Promise<readonly ArchivedVerdict[]> {
  const commits = [
    ...facts.backups.map(({ facts: { id, parent }, endedAt }) => ({ id, endedAt, parent })),
    ...facts.dumps.map(({ facts: { id }, endedAt }) => ({ id, endedAt })),
  ]
  return planArchived(await readArchived(repository, commits, signal), nowMs)
}

async function holderOf(
  { repository, world }: ExpireDeps,
  name: LeaseName,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { verdict, reason } = await readLease(repository, name, world, signal)
  return verdict === 'free' ? undefined : reason
}

/** What both let go. */
function both(plan: PlannedPlace, shown: ExpirePlan): PlannedPlace {
  const items = new Set(shown.items.filter(isRemoved).map(({ id }) => id))
  const folders = new Set(shown.unfinished.filter(one => one.isRemoved).map(({ folder }) => folder.id))
  const stays: KeepReason = {
    rule: 'unknown',
    text: 'it was not to go in the plan that was shown',
    untilMs: undefined,
    isSure: false,
  }
  const wal = shown.wal.filter(({ reason }) => reason === undefined).map(({ stretch }) => stretch)
  return {
    ...plan,
    items: plan.items.map(item =>
      isRemoved(item) && !items.has(item.id) ? { ...item, reasons: [stays] } : item,
    ),
    unfinished: plan.unfinished.map(one => ({
      ...one,
      isRemoved: one.isRemoved && folders.has(one.folder.id),
    })),
    wal: plan.wal.map(({ stretch, reason }) => {
      const { timeline, first, last } = stretch
      const isShown = wal.some(one => one.timeline === timeline && one.first <= first && last <= one.last)
      return { stretch, reason: reason ?? (isShown ? undefined : stays.text) }
    }),
  }
}
