/**
 * In which order transactions ended, as the log itself says: neither transaction ids nor commit times tell, since
 * sessions overlap. pg_walinspect (PostgreSQL 15 and newer) reads the log for us, so that we judge by another's reader.
 */
import { formatLsn, parseLsn, type Lsn } from '../../src/wal/lsn.ts'
import { parseTime, type Micros } from '../../src/wal/time.ts'
import type { RecoveryTarget } from '../../src/policy/recovery-target.ts'
import type { TestServer } from './postgres-server.ts'

export interface LogRecord {
  readonly kind: 'commit' | 'abort' | 'restore point'
  readonly startLsn: Lsn
  readonly endLsn: Lsn
  readonly xid: string
  /** Of a commit or an abort. */
  readonly time: Micros | undefined
  readonly description: string
}

/** The ends of transactions and the restore points from `startLsn` on. The server must have kept its log. */
export async function readLogOrder(server: TestServer, startLsn: string): Promise<readonly LogRecord[]> {
  await server.query('CREATE EXTENSION IF NOT EXISTS pg_walinspect')
  const rows = await server.query<Record<'start' | 'end' | 'xid' | 'type' | 'description', string>>(
    `SELECT start_lsn::text AS start, end_lsn::text AS end, xid::text, record_type AS type, description
       FROM pg_get_wal_records_info($1, pg_current_wal_flush_lsn())
      WHERE resource_manager = 'Transaction' AND record_type IN ('COMMIT', 'ABORT')
         OR resource_manager = 'XLOG' AND record_type = 'RESTORE_POINT'
      ORDER BY start_lsn`,
    [startLsn],
  )
  return rows.map(row => ({
    kind: row.type === 'COMMIT' ? 'commit' : row.type === 'ABORT' ? 'abort' : 'restore point',
    startLsn: lsnOf(row.start),
    endLsn: lsnOf(row.end),
    xid: row.xid,
    time: timeOf(row.description),
    description: row.description,
  }))
}

/** Where the first record of any kind begins, at or after `lsn`; `records` must begin before it. */
export async function firstRecordFrom(
  server: TestServer,
  lsn: Lsn,
  records: readonly LogRecord[],
): Promise<Lsn> {
  // The log can only be read from where a record begins. A segment that was ended early leaves a gap in it.
  const start = records.findLast(({ startLsn }) => startLsn <= lsn)?.startLsn
  const text = await server.value(
    `SELECT start_lsn FROM pg_get_wal_records_info($1, least($1::pg_lsn + 33554432, pg_current_wal_flush_lsn()))
      WHERE start_lsn >= $2 ORDER BY start_lsn LIMIT 1`,
    [formatLsn(start ?? 0n), formatLsn(lsn)],
  )
  return lsnOf(text)
}

/**
 * The transaction ids that are committed in a server recovered to `target`, after the rules of recoveryStopsBefore and
 * recoveryStopsAfter in PostgreSQL's xlogrecovery.c. `records` must begin before the target and hold all that follow.
 * For an LSN, `record` is where the first record at or after it begins.
 */
export function committedBy(
  records: readonly LogRecord[],
  target: RecoveryTarget,
  record?: Lsn,
): ReadonlySet<string> {
  const end = lengthReplayed(records, target, record)
  return new Set(records.slice(0, end).flatMap(({ kind, xid }) => (kind === 'commit' ? [xid] : [])))
}

function lengthReplayed(
  records: readonly LogRecord[],
  target: RecoveryTarget,
  record: Lsn | undefined,
): number {
  const lengthUntil = (isLast: (record: LogRecord) => boolean, inclusive: boolean): number => {
    const index = records.findIndex(isLast)
    return index < 0 ? records.length : index + (inclusive ? 1 : 0)
  }
  switch (target.kind) {
    case 'latest':
      return records.length
    case 'time':
      return lengthUntil(
        ({ time }) => time !== undefined && (target.inclusive ? time > target.time : time >= target.time),
        false,
      )
    case 'lsn':
      // Inclusive, PostgreSQL replays the record that begins at or after the target, too.
      return lengthUntil(
        ({ startLsn }) => (target.inclusive ? startLsn > (record ?? target.lsn) : startLsn >= target.lsn),
        false,
      )
    case 'xid':
      return lengthUntil(
        ({ kind, xid }) => kind !== 'restore point' && BigInt(xid) === target.xid,
        target.inclusive,
      )
    case 'name':
      return lengthUntil(
        ({ kind, description }) => kind === 'restore point' && description === target.name,
        true,
      )
    case 'immediate':
      throw new Error('the end of the backup is not in the log of commits')
  }
}

function lsnOf(text: string): Lsn {
  const lsn = parseLsn(text)
  if (lsn === undefined) throw new Error(`${text} is no LSN`)
  return lsn
}

/** `2026-11-22 10:00:00.123456+00; …`: the description of a commit or an abort begins with its time. */
function timeOf(description: string): Micros | undefined {
  const text = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d| UTC)/.exec(description)?.[0]
  return text === undefined ? undefined : parseTime(text)
}
