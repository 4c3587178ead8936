/** Says that a target can not be reached, why, and which points next to it can. */
import { Fault } from '../../base/fault.ts'
import type { BackupFacts } from '../../policy/backup-facts.ts'
import type { Candidate, Rejected } from '../../policy/candidates.ts'
import { describeTarget, type RecoveryTarget } from '../../policy/recovery-target.ts'
import { formatLsn } from '../../wal/lsn.ts'
import { formatMicros } from '../../wal/time.ts'
import type { NearestBefore, NotReached } from './answer.ts'

export interface PassedOver extends NotReached {
  readonly candidate: Candidate
}

export function refusal(
  target: RecoveryTarget,
  passedOver: readonly PassedOver[],
  rejected: readonly Rejected[],
): Fault {
  const [first] = passedOver
  if (!first) return nothingUsable(target, rejected)
  const before = passedOver.find(({ side }) => side === 'ends before')
  const after = passedOver.findLast(({ side }) => side === 'too late')?.candidate.backup
  const why = before
    ? whyEnds(target, before.nearest)
    : `the earliest backup ${passedOver.at(-1)?.why ?? first.why}`
  const ways = [before?.nearest && wayBefore(before.nearest), after && wayAfter(after)].filter(
    way => way !== undefined,
  )
  return new Fault('TARGET_UNREACHABLE', `${describeTarget(target)} can not be reached: ${why}`, {
    hint: [...lookingFor(target), ...ways, ...rejected.slice(0, rejectedShownMax).map(sentence)].join(' '),
  })
}

/** Of these nobody can tell where they would be; most of the time they are misspelt, or older than the oldest backup. */
function lookingFor(target: RecoveryTarget): readonly string[] {
  switch (target.kind) {
    case 'xid':
      return [
        'Look for the transaction with holdfast wal find --between; one that ended before a backup is in the backup.',
      ]
    case 'name':
      return ['Give the name exactly as pg_create_restore_point was given it.']
    default:
      return []
  }
}

/** More of them would bury the advice. */
const rejectedShownMax = 3

function whyEnds(target: RecoveryTarget, nearest: NearestBefore | undefined): string {
  if (nearest?.gapAt !== undefined) {
    return `WAL segment ${nearest.gapAt} is missing, and what lies beyond it can not be replayed`
  }
  if (target.kind === 'xid' || target.kind === 'name') return 'the archived WAL does not hold it'
  const end =
    nearest?.lastCommit === undefined
      ? ''
      : `; its last transaction ended at ${formatMicros(nearest.lastCommit)}`
  return `the archived WAL ends before it${end}`
}

/** What can be said on the command line to get the last point before. */
function wayBefore({ endLsn, lastRecordLsn, lastCommit, gapAt }: NearestBefore): string {
  const upTo =
    lastCommit === undefined ? `to ${formatLsn(endLsn)}` : `with everything up to ${formatMicros(lastCommit)}`
  if (gapAt === undefined) return `Nearest before it: --latest, ${upTo}.`
  if (lastRecordLsn !== undefined) return `Nearest before it: --to-lsn ${formatLsn(lastRecordLsn)}, ${upTo}.`
  if (lastCommit === undefined) return `Nearest before it: a point before ${formatLsn(endLsn)}.`
  // A time is reached only when a later transaction follows.
  return `Nearest before it: --to-time '${formatMicros(lastCommit - 1)}'.`
}

function wayAfter({ id, stopLsn, endedAt }: BackupFacts): string {
  return `Nearest after it: --backup ${id} --to-immediate, at ${formatLsn(stopLsn)} (${formatMicros(endedAt)}).`
}

function nothingUsable(target: RecoveryTarget, rejected: readonly Rejected[]): Fault {
  const why = rejected.length === 0 ? 'there is no backup' : 'no backup leads to it'
  const hint = rejected.length === 0 ? 'Make one with `holdfast backup`.' : rejected.map(sentence).join(' ')
  return new Fault('TARGET_UNREACHABLE', `${describeTarget(target)} can not be reached: ${why}`, { hint })
}

const sentence = ({ id, why }: Rejected): string => `Backup ${id} ${why}.`
