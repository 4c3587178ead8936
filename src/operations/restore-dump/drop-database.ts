/** Drops a database, also one that PostgreSQL holds on to: a template, or one with subscriptions. */
import type { Server } from '../../postgres/connection.ts'
import { quoteIdentifier } from '../../postgres/dump-archive/database-statements.ts'
import { connectIn, longStatement, type TargetPlace } from './target-place.ts'

/** Whoever is connected is thrown out. One that is not there is no failure. */
export async function dropDatabase(
  server: Server,
  place: TargetPlace,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const [found] = await server.query<{ template: boolean; subscriptions: number }>(
    `SELECT datistemplate AS template,
            (SELECT pg_catalog.count(*)::int4 FROM pg_catalog.pg_subscription WHERE subdbid = d.oid) AS subscriptions
       FROM pg_catalog.pg_database d WHERE datname = $1`,
    [name],
    signal,
  )
  if (!found) return
  const database = quoteIdentifier(name)
  if (found.template) await server.query(`ALTER DATABASE ${database} WITH IS_TEMPLATE false`, [], signal)
  if (found.subscriptions > 0) await dropSubscriptions(place, name, signal)
  await server.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`, [], signal, longStatement)
}

/**
 * What they subscribe to is left alone: the slot at the publisher is that of the database that was dumped, or that takes the
 * place of this one.
 */
async function dropSubscriptions(place: TargetPlace, name: string, signal: AbortSignal): Promise<void> {
  await using session = await connectIn(place, name, signal)
  const subscriptions = await session.query<{ name: string }>(
    `SELECT subname AS name FROM pg_catalog.pg_subscription
      WHERE subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())`,
    [],
    signal,
  )
  for (const subscription of subscriptions) {
    const quoted = quoteIdentifier(subscription.name)
    await session.query(`ALTER SUBSCRIPTION ${quoted} DISABLE`, [], signal)
    await session.query(`ALTER SUBSCRIPTION ${quoted} SET (slot_name = NONE)`, [], signal)
    await session.query(`DROP SUBSCRIPTION ${quoted}`, [], signal)
  }
}
