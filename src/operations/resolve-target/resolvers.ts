/** One way of finding the stopping point for each kind of target. */
import { unreachable } from '../../base/assert.ts'
import type { Candidate } from '../../policy/candidates.ts'
import type { StoppingPoint } from '../../policy/restore-plan.ts'
import { unlessSealed } from '../wal-lookup.ts'
import type { Answer, ResolveContext, Resolver } from './answer.ts'
import { resolveLsn } from './lsn.ts'
import { resolveByScan } from './scan.ts'
import { lastTransactionBefore, lastWholeRecord, nearestOf, rangeOf } from './segments.ts'
import { resolveTime } from './time.ts'

export function resolverFor(context: ResolveContext): Resolver {
  const { target } = context
  switch (target.kind) {
    case 'latest':
      return candidate => resolveLatest(context, candidate)
    case 'immediate':
      return candidate => Promise.resolve(resolveImmediate(context, candidate))
    case 'time':
      return resolveTime(context, target)
    case 'lsn':
      return resolveLsn(context, target)
    case 'xid':
    case 'name':
      return resolveByScan(context)
    default:
      return unreachable(target)
  }
}

function resolveImmediate({ segmentSizeBytes }: ResolveContext, candidate: Candidate): Answer {
  const { consistent } = rangeOf(candidate, segmentSizeBytes)
  const { stopLsn } = candidate.backup
  return {
    stop: { where: 'consistent', isExact: true, lsn: stopLsn, segment: consistent, last: undefined },
    notes: [],
  }
}

/** The end of the WAL, unless more of it lies beyond a gap: then stopping there would lose what nobody was told of. */
async function resolveLatest(context: ResolveContext, candidate: Candidate): Promise<Answer> {
  const { reach } = candidate
  if (reach.gapAt !== undefined && context.acceptGap !== true) {
    const nearest = await nearestOf(context, candidate)
    return { why: 'leads only to a gap in the WAL', side: 'ends before', nearest, isFinal: true }
  }
  const { last } = rangeOf(candidate, context.segmentSizeBytes)
  const exact = await unlessSealed(() => resolveEnd(context, candidate, last))
  const stop = exact ?? {
    where: 'end' as const,
    isExact: false,
    lsn: reach.endLsn,
    segment: last,
    last: undefined,
  }
  const notes =
    reach.gapAt === undefined
      ? []
      : ['There is more WAL, but a segment before it is missing: this stops at the gap.']
  return { stop, notes }
}

async function resolveEnd(
  context: ResolveContext,
  candidate: Candidate,
  segment: bigint,
): Promise<StoppingPoint> {
  const record = await lastWholeRecord(context, candidate)
  const lsn = record?.endLsn ?? candidate.reach.endLsn
  const last = await lastTransactionBefore(context, candidate, lsn, segment)
  return { where: 'end', isExact: record !== undefined, lsn, segment, last }
}
