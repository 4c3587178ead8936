/** Random points of a log to recover to, and what must be committed there. */
import { formatLsn, parseLsn, type Lsn } from '../../src/wal/lsn.ts'
import { formatMicros, type Micros } from '../../src/wal/time.ts'
import { describeTarget, type RecoveryTarget } from '../../src/policy/recovery-target.ts'
import type { LogRecord } from './log-order.ts'
import type { Random } from './random.ts'

export type TargetKind = 'time' | 'lsn' | 'xid' | 'name'

/**
 * Draws a target of this kind that lies after `afterLsn`. Many times and LSNs are exactly those of a commit, where one
 * microsecond or one byte decides.
 */
export function drawTarget(
  kind: TargetKind,
  records: readonly LogRecord[],
  afterLsn: string,
  random: Random,
): RecoveryTarget {
  const minLsn = parseLsn(afterLsn) ?? 0n
  const reachable = records.filter(record => record.startLsn > minLsn)
  const ends = reachable.filter(record => record.kind !== 'restore point')
  // The very first and last are left to tests of their own.
  const inner = ends.slice(1, -1)
  const inclusive = random.chance(0.5)
  switch (kind) {
    case 'time':
      return { kind, time: drawTime(inner, random), inclusive }
    case 'lsn':
      return { kind, lsn: drawLsn(inner, random), inclusive }
    case 'xid':
      return { kind, xid: BigInt(random.pick(inner.filter(({ kind }) => kind === 'commit')).xid), inclusive }
    case 'name':
      return {
        kind,
        name: random.pick(reachable.filter(record => record.kind === 'restore point')).description,
      }
  }
}

function drawTime(ends: readonly LogRecord[], random: Random): Micros {
  if (random.chance(0.5)) return random.pick(ends).time ?? 0
  const times = ends.flatMap(({ time }) => (time === undefined ? [] : [time]))
  return random.integer(Math.min(...times), Math.max(...times))
}

/** Where a record of a commit begins, inclusive and exclusive differ by this very transaction. */
function drawLsn(ends: readonly LogRecord[], random: Random): Lsn {
  const { startLsn, endLsn } = random.pick(ends)
  if (random.chance(0.6)) return startLsn
  return random.chance(0.5) ? endLsn : random.bigint(ends[0]?.startLsn ?? 0n, ends.at(-1)?.startLsn ?? 0n)
}

/** The words of the command line. */
export function targetArgs(target: RecoveryTarget): readonly string[] {
  const exclusive = 'inclusive' in target && !target.inclusive ? ['--exclusive'] : []
  switch (target.kind) {
    case 'latest':
      return ['--latest']
    case 'immediate':
      return ['--to-immediate']
    case 'time':
      return ['--to-time', formatMicros(target.time), ...exclusive]
    case 'lsn':
      return ['--to-lsn', formatLsn(target.lsn), ...exclusive]
    case 'xid':
      return ['--to-xid', String(target.xid), ...exclusive]
    case 'name':
      return ['--to-name', target.name]
  }
}

export { describeTarget }
