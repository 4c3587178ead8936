/** Where a recovery to an LSN stops: before or after the first record that begins there or later. */
import { whyTooLate } from '../../policy/horizon.ts'
import type { Lsn } from '../../wal/lsn.ts'
import { unlessSealed } from '../wal-lookup.ts'
import type { Answer, ResolveContext, Resolver } from './answer.ts'
import { lastTransactionBefore, minOf, nearestOf, rangeOf, seek, segmentOfEnd } from './segments.ts'

export function resolveLsn(
  context: ResolveContext,
  target: { readonly lsn: Lsn; readonly inclusive: boolean },
): Resolver {
  return async candidate => {
    const { backup } = candidate
    const late = whyTooLate(context.target, backup)
    if (late !== undefined) return { why: late, side: 'too late' }
    const { last } = rangeOf(candidate, context.segmentSizeBytes)
    const number = target.lsn / BigInt(context.segmentSizeBytes)
    const endsBefore = async (): Promise<Answer> => ({
      why: 'has no record at or after the target in its WAL',
      side: 'ends before',
      nearest: await nearestOf(context, candidate),
    })
    if (number > last) return endsBefore()
    const where = target.inclusive ? 'after' : 'before'
    const sought = await unlessSealed(() => seek(context, candidate, number, last))
    if (!sought) {
      // The record may begin in the next segment, when the LSN lies near the end of this one.
      const segment = minOf(number + 1n, last)
      return { stop: { where, isExact: false, lsn: target.lsn, segment, last: undefined }, notes: [notExact] }
    }
    if (!sought.stop) return endsBefore()
    const { startLsn } = sought.stop.record
    const transaction =
      sought.stop.last ?? (await lastTransactionBefore(context, candidate, startLsn, number))
    const segment = segmentOfEnd(sought.stop.record, context.segmentSizeBytes)
    return { stop: { where, isExact: true, lsn: startLsn, segment, last: transaction }, notes: [] }
  }
}

const notExact =
  'Without a key the record at the LSN is not read: that one begins there or later is likely, but not proven.'
