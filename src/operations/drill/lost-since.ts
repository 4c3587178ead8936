/**
 * How much would be lost if the live server were gone now: the actual RPO. A server that commits nothing loses nothing, however long
 * ago its last commit was; so its transaction ids are compared with those of the restored one.
 */
import { isFault } from '../../base/fault.ts'
import type { SqlRow } from '../../postgres/connection.ts'
import { connectIn, type TargetPlace } from '../restore-dump/target-place.ts'
import type { RestoredCluster } from './restored-cluster.ts'

/** The live server's next transaction id; undefined: it could not be asked. */
export async function liveXid(place: TargetPlace, signal: AbortSignal): Promise<bigint | undefined> {
  try {
    await using live = await connectIn(
      place,
      place.target.database ?? place.target.user ?? 'postgres',
      signal,
    )
    const [row] = await live.query<SqlRow & { readonly xid: string }>(
      'SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text AS xid',
      [],
      signal,
    )
    return row ? BigInt(row.xid) : undefined
  } catch (error) {
    signal.throwIfAborted()
    if (!isFault(error)) throw error
    return undefined
  }
}

/** Milliseconds; null: it can not be told. */
export function lostSince(
  nowMs: number,
  live: bigint | undefined,
  { nextXid, reached }: Pick<RestoredCluster, 'nextXid' | 'reached'>,
): number | null {
  if (live !== undefined && nextXid >= live) return 0
  if (reached?.time === null || reached?.time === undefined) return null
  return Math.max(0, nowMs - Date.parse(reached.time))
}
