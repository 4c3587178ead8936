/**
 * The schemas that tables come into before they get to their place. Who works in one holds a lock of its name as long as the
 * session lives, so that what a killed restore left behind is told from what another one is filling.
 */
import { isFault } from '../../base/fault.ts'
import type { Server } from '../../postgres/connection.ts'
import { quoteIdentifier } from '../../postgres/dump-archive/database-statements.ts'
import { stagingPattern } from './staging-name.ts'
import { longStatement } from './scratch-tables.ts'

const mark = 'holdfast restore-table works here, and removes this at its end'

/** Of advisory locks: pg_advisory_lock(bigint). */
const lockOf = 'pg_catalog.hashtextextended($1, 0)'

export async function makeStaging(live: Server, staging: string, signal: AbortSignal): Promise<void> {
  await live.query(`SELECT pg_catalog.pg_advisory_lock(${lockOf})`, [staging], signal)
  const schema = quoteIdentifier(staging)
  await live.query(`CREATE SCHEMA ${schema}; COMMENT ON SCHEMA ${schema} IS '${mark}'`, [], signal)
}

/** Removes what restores left behind that were killed. What can not be dropped stays: it must not keep this restore from being made. */
export async function clearStaging(live: Server, signal: AbortSignal): Promise<void> {
  const left = await live.query<{ name: string }>(
    `SELECT nspname AS name FROM pg_catalog.pg_namespace
      WHERE nspname ~ '${stagingPattern}' AND pg_catalog.obj_description(oid, 'pg_namespace') = $1
        AND pg_catalog.pg_has_role(nspowner, 'USAGE')`,
    [mark],
    signal,
  )
  for (const { name } of left) {
    const [row] = await live.query<{ isFree: boolean }>(
      `SELECT pg_catalog.pg_try_advisory_lock(${lockOf}) AS "isFree"`,
      [name],
      signal,
    )
    if (row?.isFree !== true) continue
    try {
      await live.query(`DROP SCHEMA IF EXISTS ${quoteIdentifier(name)} CASCADE`, [], signal, longStatement)
    } catch (error) {
      signal.throwIfAborted()
      if (!isFault(error)) throw error
    }
    await live.query(`SELECT pg_catalog.pg_advisory_unlock(${lockOf})`, [name], signal)
  }
}
