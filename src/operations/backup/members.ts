/**
 * The repositories that one backup is written to, at the same time and byte by byte the same. One that fails is dropped, and
 * the backup goes on in the others as long as there is one.
 */
import { Fault, isFault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Log } from '../../base/log.ts'
import type { Progress } from '../../base/progress.ts'
import type { Rates } from '../../base/rates.ts'
import type { World } from '../../base/world.ts'
import { acquireLease, leaseOwner, type Lease } from '../../repository/lease.ts'
import type { Repository } from '../../repository/repository.ts'
import { mirrorFlags, openMirror, type Mirror } from '../../storage/mirror.ts'
import type { StorageDescription } from '../../storage/open.ts'
import { withRates } from '../../storage/with-rates.ts'
import type { CopyOutMirror } from '../workers/copy-out/copy-out.ts'

export interface BackupMember {
  /** In the configuration. */
  readonly name: string
  readonly repository: Repository
  /** The same storage as the repository's, for the workers to open. */
  readonly storage: StorageDescription
}

/** One that should have the backup and does not. */
export interface MemberBehind {
  readonly name: string
  readonly fault: Fault
}

export interface BackupMembers extends AsyncDisposable {
  /** Aborts when no member is left. */
  readonly held: AbortSignal
  /** To all members that are still whole. */
  readonly storage: Mirror
  /** For the workers; undefined with one member. */
  readonly mirror: CopyOutMirror | undefined
  /** Those that are still whole, the leading one first. */
  whole(): readonly BackupMember[]
  /** Also those that were dropped. */
  all(): readonly BackupMember[]
  /** Does it for each of them at the same time, and drops those that fail. */
  each(work: (member: BackupMember, lease: Lease) => Promise<void>): Promise<void>
  dropped(): readonly MemberBehind[]
  /** Throws why there is none. */
  leading(): BackupMember
  /** What the work failed of: when no member is left, what the last one failed of is only a part of it. */
  reasonFor(error: unknown): unknown
}

export interface MembersDeps {
  readonly world: World
  readonly progress: Progress
  readonly log: Log
  readonly members: readonly BackupMember[]
  /** For all that is written to them together: each by itself would keep the others waiting. */
  readonly rates?: Rates | undefined
  /** What the lease is for, and the work is called. */
  readonly work?: 'backup' | 'dump'
}

/** Holds the lease of each while the work lasts. REPOSITORY_LOCKED when somebody backs up to the first one. */
export async function withMembers<T>(
  deps: MembersDeps,
  signal: AbortSignal,
  work: (members: BackupMembers) => Promise<T>,
): Promise<T> {
  await using members = await openMembers(deps, signal)
  try {
    return await work(members)
  } catch (error) {
    throw members.reasonFor(error)
  }
}

async function openMembers(
  { world, progress, log, members, rates, work = 'backup' }: MembersDeps,
  outer: AbortSignal,
): Promise<BackupMembers> {
  const faults = new Map<number, Fault>()
  const none = new AbortController()
  const flags = mirrorFlags(members.length)
  const noteDrop = (member: number, fault: Fault): void => {
    const name = members[member]?.name ?? ''
    if (faults.has(member)) return
    faults.set(member, fault)
    log.warn(`${work}.member-dropped`, { name, code: fault.code })
    if (faults.size < members.length)
      progress.note(`the ${work} goes on without repository "${name}": ${fault.message}`)
    else none.abort(noneLeft(members, faults, work))
  }
  const mirror = await openMirror(
    members.map(({ name, repository }) => ({ name, open: () => Promise.resolve(repository.storage) })),
    { clock: world.clock, flags, onDropped: noteDrop },
  )
  const leases: (Lease | undefined)[] = []
  const resources = new AsyncDisposableStack()
  const held = AbortSignal.any([outer, none.signal])
  const owner = await leaseOwner(work)
  try {
    await mirror.each(async i => {
      const lease = await acquireLease(memberAt(members, i).repository, work, owner, world, held)
      leases[i] = resources.use(lease)
      lease.lost.addEventListener('abort', () => {
        mirror.drop(i, asFault(lease.lost.reason))
      })
    }, limits.mirrorLagMsMax)
    const first = faults.get(0)
    if (first?.code === 'REPOSITORY_LOCKED') throw first
  } catch (error) {
    await resources.disposeAsync()
    throw none.signal.aborted ? none.signal.reason : error
  }
  const whole = (): readonly BackupMember[] => members.filter((_, i) => mirror.isWhole(i))
  return {
    held,
    storage: withRates(mirror, rates, () => mirror.wholeCount()),
    mirror:
      members.length === 1
        ? undefined
        : {
            members: members.map(({ name, storage }) => ({ name, storage })),
            flags,
            onDropped: (member, error) => {
              noteDrop(member, asFault(error))
            },
          },
    whole,
    leading: () => {
      const [first] = whole()
      if (!first) throw noneLeft(members, faults, work)
      return first
    },
    all: () => members,
    each: work =>
      mirror.each(async i => {
        const lease = leases[i]
        if (!lease) throw new Error('assertion failed: a whole member has a lease')
        await work(memberAt(members, i), lease)
      }, limits.mirrorSettleMsMax),
    dropped: () => [...faults].map(([i, fault]) => ({ name: memberAt(members, i).name, fault })),
    reasonFor: error =>
      outer.aborted || whole().length > 0 ? error : noneLeft(members, faults, work, error),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

function memberAt(members: readonly BackupMember[], i: number): BackupMember {
  const member = members[i]
  if (!member) throw new Error('assertion failed: members are counted')
  return member
}

/** One repository speaks for itself. */
function noneLeft(
  members: readonly BackupMember[],
  faults: ReadonlyMap<number, Fault>,
  work: string,
  cause?: unknown,
): unknown {
  const [first = cause] = faults.values()
  if (members.length === 1) return first
  const all = [...faults.values()]
  const reasons = members.map(
    ({ name }, i) => `${name}: ${faults.get(i)?.message ?? 'a worker thread lost it'}`,
  )
  // Which way a storage that went away fails first is chance; what this means to the caller is not.
  const isLocked = all.length > 0 && all.every(({ code }) => code === 'REPOSITORY_LOCKED')
  return new Fault(
    isLocked ? 'REPOSITORY_LOCKED' : 'STORAGE_UNAVAILABLE',
    `none of the repositories could take the ${work}; ${reasons.join('; ')}`,
    { hint: all[0]?.hint ?? 'Look at the repositories, and run the command again.', cause: first },
  )
}

function asFault(error: unknown): Fault {
  if (isFault(error)) return error
  return new Fault('FAILED', error instanceof Error ? error.message : String(error), {
    hint: 'Please report this.',
    cause: error,
  })
}
