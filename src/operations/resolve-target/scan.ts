/**
 * Transactions and restore points are found only by reading the records: from the newest backup on, then from the one
 * before it to there, and so on. That takes a key, and time in proportion to the WAL that is read.
 */
import { Fault } from '../../base/fault.ts'
import type { Candidate } from '../../policy/candidates.ts'
import { describeTarget } from '../../policy/recovery-target.ts'
import { formatLsn } from '../../wal/lsn.ts'
import { unlessSealed } from '../wal-lookup.ts'
import type { ResolveContext, Resolver } from './answer.ts'
import { lastTransactionBefore, nearestOf, rangeOf, seek, segmentOfEnd } from './segments.ts'

export function resolveByScan(context: ResolveContext): Resolver {
  /** What was read from the candidate before, without finding anything: it need not be read again. */
  let inVain: Candidate | undefined
  return async candidate => {
    const { segmentSizeBytes } = context
    const { first, last } = rangeOf(candidate, segmentSizeBytes)
    const to = inVain && leadTheSameWay(inVain, candidate) ? rangeOf(inVain, segmentSizeBytes).first : last
    const sought = await unlessSealed(() => seek(context, candidate, first, to))
    if (!sought) throw keyNeeded(context)
    const { stop, end } = sought
    if (!stop) {
      inVain = candidate
      const why =
        end?.trouble === undefined || to < last
          ? 'does not lead to it'
          : `does not lead to it: ${end.trouble}`
      return { why, side: 'ends before', nearest: await nearestOf(context, candidate) }
    }
    inVain = undefined
    const reached = stop.where === 'after' ? stop.record.endLsn : stop.record.startLsn
    if (reached < candidate.backup.stopLsn) {
      return {
        why: `is consistent only from ${formatLsn(candidate.backup.stopLsn)} on, after the target`,
        side: 'too late',
      }
    }
    const segment = segmentOfEnd(stop.record, segmentSizeBytes)
    const transaction =
      stop.last ?? (await lastTransactionBefore(context, candidate, stop.record.startLsn, segment))
    return {
      stop: { where: stop.where, isExact: true, lsn: stop.record.startLsn, segment, last: transaction },
      notes: [],
    }
  }
}

function leadTheSameWay(one: Candidate, other: Candidate): boolean {
  return one.path.at(-1)?.timeline === other.path.at(-1)?.timeline && one.reach.last === other.reach.last
}

function keyNeeded({ target }: ResolveContext): Fault {
  return new Fault(
    'KEY_MISSING',
    `${describeTarget(target)} can be found only in the WAL itself, which is encrypted`,
    {
      hint: 'Name the secret key in the configuration (encryption.identity: { file: … }), or give the target as a time or an LSN.',
    },
  )
}
