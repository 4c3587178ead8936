/**
 * A table that is truncated or rewritten between the snapshot and pg_dump's lock on it looks empty to that snapshot: its new
 * rows are newer, and the old ones are gone. pg_dump says nothing of it. So once the locks are held it is looked whether
 * there is such a table, and then the dump begins anew, in a snapshot that sees its rows.
 */
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Progress } from '../../base/progress.ts'
import type { Server } from '../../postgres/connection.ts'
import { holdSnapshot, rewrittenSince, type HeldSnapshot } from '../../postgres/dump/held-snapshot.ts'

/** Not for users: it is caught, or becomes a fault. */
class SnapshotSpoiled extends Error {
  readonly tables: readonly string[]

  constructor(tables: readonly string[]) {
    super(`tables were rewritten since the snapshot: ${tables.join(', ')}`)
    this.tables = tables
  }
}

/** To be called when all locks are held. `session` holds the snapshot. */
export async function assertSnapshotIsGood(session: Server, signal: AbortSignal): Promise<void> {
  const tables = await rewrittenSince(session, signal)
  if (tables.length > 0) throw new SnapshotSpoiled(tables)
}

export async function inGoodSnapshot<T>(
  { session, progress }: { readonly session: Server; readonly progress: Progress },
  work: (snapshot: HeldSnapshot) => Promise<T>,
  signal: AbortSignal,
): Promise<{ readonly parts: T; readonly snapshot: HeldSnapshot }> {
  for (let tries = 1; ; tries++) {
    const snapshot = await holdSnapshot(session, signal)
    try {
      return { parts: await work(snapshot), snapshot }
    } catch (error) {
      if (!(error instanceof SnapshotSpoiled)) throw error
      if (tries >= limits.dumpSnapshotTriesMax) throw spoiled(error)
      progress.note(`${listed(error.tables)}: truncated or rewritten while the dump began, so it begins anew`)
    }
    await session.query('ROLLBACK', [], signal)
  }
}

const listed = (tables: readonly string[]): string =>
  tables.length > 5
    ? `${tables.slice(0, 5).join(', ')} and ${String(tables.length - 5)} more`
    : tables.join(', ')

const spoiled = (error: SnapshotSpoiled): Fault =>
  new Fault(
    'DUMP_FAILED',
    `${listed(error.tables)}: truncated or rewritten while the dump began, ${String(limits.dumpSnapshotTriesMax)} times in a row`,
    {
      hint: 'Run it again when no migration or load (TRUNCATE, ALTER TABLE, VACUUM FULL, CLUSTER) is at work on these tables.',
      cause: error,
    },
  )
