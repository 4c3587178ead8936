/** What a server tells about its replication slots: how much WAL each one makes it keep. */
import type { Server, SqlRow } from './connection.ts'

export interface SlotFacts {
  readonly name: string
  readonly kind: 'physical' | 'logical'
  /** Somebody reads from it now. */
  readonly isActive: boolean
  /** WAL that is kept for it; undefined when it keeps none. */
  readonly heldBytes: number | undefined
  /** `unreserved`: it is about to lose what it needs; `lost`: it has. */
  readonly walStatus: 'reserved' | 'extended' | 'unreserved' | 'lost' | undefined
}

/** Those that outlive their session. */
export async function slotFacts(server: Server, signal: AbortSignal): Promise<readonly SlotFacts[]> {
  const rows = await server.query<SlotRow>(slotsSql, [], signal)
  return rows.map(({ name, kind, active, held_bytes, wal_status }) => ({
    name,
    kind,
    isActive: active,
    heldBytes: held_bytes ?? undefined,
    walStatus: wal_status ?? undefined,
  }))
}

interface SlotRow extends SqlRow {
  readonly name: string
  readonly kind: 'physical' | 'logical'
  readonly active: boolean
  readonly held_bytes: number | null
  readonly wal_status: SlotFacts['walStatus'] | null
}

const slotsSql = `
  SELECT slot_name::text AS name, slot_type AS kind, active, wal_status,
         pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
                         restart_lsn)::float8 AS held_bytes
    FROM pg_replication_slots WHERE NOT temporary ORDER BY slot_name`
