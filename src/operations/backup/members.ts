/**
 * The repositories that one backup is written to, at the same time and byte by byte the same. One that fails is dropped, and
 * the backup goes on in the others as long as there is one.
 */
import { Fault, isFault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Log } from '../../base/log.ts'
import type { Progress } from '../../base/progress.ts'
import type { World } from '../../base/world.ts'
import { acquireLease, leaseOwner, type Lease } from '../../repository/lease.ts'
import type { Repository } from '../../repository/repository.ts'
import { mirrorFlags, openMirror, type Mirror } from '../../storage/mirror.ts'
import type { StorageDescription } from '../../storage/open.ts'
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
  /** Does it for each of them at the same time, and drops those that fail. */
  each(work: (member: BackupMember, lease: Lease) => Promise<void>): Promise<void>
  dropped(): readonly MemberBehind[]
}

export interface MembersDeps {
  readonly world: World
  readonly progress: Progress
  readonly log: Log
  readonly members: readonly BackupMember[]
}

/** Holds the lease of each. REPOSITORY_LOCKED when somebody backs up to the first one. */
export async function openMembers(
  { world, progress, log, members }: MembersDeps,
  outer: AbortSignal,
): Promise<BackupMembers> {
  const faults = new Map<number, Fault>()
  const none = new AbortController()
  const flags = mirrorFlags(members.length)
  const noteDrop = (member: number, fault: Fault): void => {
    const name = members[member]?.name ?? ''
    if (faults.has(member)) return
    faults.set(member, fault)
    log.warn('backup.member-dropped', { name, code: fault.code })
    if (faults.size < members.length)
      progress.note(`the backup goes on without repository "${name}": ${fault.message}`)
    else none.abort(noneLeft(members, faults))
  }
  const mirror = await openMirror(
    members.map(({ name, repository }) => ({ name, open: () => Promise.resolve(repository.storage) })),
    { clock: world.clock, flags, onDropped: noteDrop },
  )
  const leases: (Lease | undefined)[] = []
  const resources = new AsyncDisposableStack()
  const held = AbortSignal.any([outer, none.signal])
  const owner = await leaseOwner('backup')
  try {
    await mirror.each(async i => {
      const lease = await acquireLease(memberAt(members, i).repository, 'backup', owner, world, held)
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
    storage: mirror,
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
    each: work =>
      mirror.each(async i => {
        const lease = leases[i]
        if (!lease) throw new Error('assertion failed: a whole member has a lease')
        await work(memberAt(members, i), lease)
      }, limits.mirrorSettleMsMax),
    dropped: () => [...faults].map(([i, fault]) => ({ name: memberAt(members, i).name, fault })),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

function memberAt(members: readonly BackupMember[], i: number): BackupMember {
  const member = members[i]
  if (!member) throw new Error('assertion failed: members are counted')
  return member
}

/** One repository speaks for itself. */
function noneLeft(members: readonly BackupMember[], faults: ReadonlyMap<number, Fault>): Fault {
  const [first] = faults.values()
  if (first && members.length === 1) return first
  const reasons = [...faults].map(([i, { message }]) => `${memberAt(members, i).name}: ${message}`)
  return new Fault(
    first?.code ?? 'STORAGE_UNAVAILABLE',
    `none of the repositories could take the backup; ${reasons.join('; ')}`,
    { hint: first?.hint ?? 'Look at the repositories, and run the command again.', cause: first },
  )
}

function asFault(error: unknown): Fault {
  if (isFault(error)) return error
  return new Fault('FAILED', error instanceof Error ? error.message : String(error), {
    hint: 'Please report this.',
    cause: error,
  })
}
