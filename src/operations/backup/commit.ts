/**
 * Makes the backup exist, in each repository by itself: when the WAL that it needs is there. The first one that has it
 * makes the backup a success; the others then have a while left, and keep the copy until their WAL has come.
 */
import { Fault, isFault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { formatDuration } from '../../base/units.ts'
import type { Server } from '../../postgres/connection.ts'
import { commitBackup, keepAwaitingWal } from '../../repository/catalog.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import type { BackupDeps, BackupRequest } from './backup.ts'
import type { BackupMember, BackupMembers, MemberBehind } from './members.ts'
import { switchWalOnPrimary, waitForWal } from './wait-for-wal.ts'

export interface Committed {
  /** In the order of the configuration; one at least. */
  readonly whole: readonly string[]
  readonly behind: readonly MemberBehind[]
}

type CommitDeps = Pick<BackupDeps, 'world' | 'progress' | 'connectPrimary'> & {
  readonly members: BackupMembers
}

export type CommitRequest = Pick<BackupRequest, 'walStallMsMax' | 'archiveCommand'>

/** Throws what the leading one failed of when no repository has the backup. */
export async function commitEverywhere(
  deps: CommitDeps,
  request: CommitRequest,
  server: Server,
  record: BackupRecord,
): Promise<Committed> {
  const { members, progress, world } = deps
  progress.phase('waiting for WAL')
  await switchWalOnPrimary(deps, record, members.held)
  const grace = new AbortController()
  const done = new AbortController()
  const startGrace = (): void => {
    world.clock.sleep(limits.mirrorWalGraceMs, done.signal).then(
      () => {
        grace.abort(walLate())
      },
      () => undefined,
    )
  }
  const whole = members.whole()
  try {
    const outcomes = await Promise.all(
      whole.map(async member => {
        const fault = await commitOne(deps, { member, request, server, record }, grace.signal)
        if (!fault) startGrace()
        return { name: member.name, fault }
      }),
    )
    const behind = outcomes.flatMap(({ name, fault }) => (fault ? [{ name, fault }] : []))
    const [first] = behind
    if (first && behind.length === whole.length) throw first.fault
    return {
      whole: outcomes.filter(({ fault }) => !fault).map(({ name }) => name),
      behind: [
        ...members.dropped().filter(({ name }) => !behind.some(each => each.name === name)),
        ...behind,
      ],
    }
  } finally {
    done.abort()
  }
}

interface CommitOne {
  readonly member: BackupMember
  readonly request: CommitRequest
  readonly server: Server
  readonly record: BackupRecord
}

/** What kept it from being committed there, if anything. */
async function commitOne(
  { world, progress, members }: CommitDeps,
  { member, request, server, record }: CommitOne,
  grace: AbortSignal,
): Promise<Fault | undefined> {
  const { held } = members
  const signal = AbortSignal.any([held, grace])
  const work = async (): Promise<void> => {
    try {
      await waitForWal({ world, progress, ...member }, request, server, record, signal)
      assertWhole(members, member)
      await commitBackup(member.repository, record, signal)
    } catch (error) {
      if (grace.aborted && !held.aborted) await keepAwaitingWal(member.repository, record, held)
      throw error
    }
  }
  try {
    await untilGraceIsOver(work(), world, grace)
    return undefined
  } catch (error) {
    held.throwIfAborted()
    if (!isFault(error)) throw error
    return error
  }
}

/** A repository that hangs is left behind a little after the time is over. */
async function untilGraceIsOver(
  work: Promise<void>,
  { clock }: CommitDeps['world'],
  grace: AbortSignal,
): Promise<void> {
  const over = Promise.withResolvers<never>()
  const done = new AbortController()
  grace.addEventListener('abort', () => {
    clock.sleep(limits.mirrorLagMsMax / 6, done.signal).then(
      () => {
        over.reject(grace.reason)
      },
      () => undefined,
    )
  })
  work.catch(() => undefined)
  try {
    await Promise.race([work, over.promise])
  } finally {
    done.abort()
  }
}

/** Its lease may have been lost while its WAL was waited for. */
function assertWhole(members: BackupMembers, { name }: BackupMember): void {
  const dropped = members.dropped().find(each => each.name === name)
  if (dropped) throw dropped.fault
}

const walLate = (): Fault =>
  new Fault(
    'REPOSITORY_BEHIND',
    `the WAL of the backup had not arrived ${formatDuration(limits.mirrorWalGraceMs)} after it was in another repository`,
    {
      hint: 'Nothing is lost: the copy is kept there, and the next `holdfast backup` makes it a backup once its WAL has come.',
    },
  )
