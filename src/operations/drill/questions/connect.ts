/** Whether every database lets us in that should. */
import { isFault } from '../../../base/fault.ts'
import type { SqlRow } from '../../../postgres/connection.ts'
import { failed, inShort, ok, type Answer } from '../checklist.ts'
import { openIn, type RestoredCluster } from '../restored-cluster.ts'

export interface ConnectAnswer {
  readonly answer: Answer
  /** Those that can be asked further. */
  readonly databases: readonly string[]
}

export async function askDatabases(cluster: RestoredCluster, signal: AbortSignal): Promise<ConnectAnswer> {
  const names = await databasesOf(cluster, signal)
  const databases: string[] = []
  const troubles: string[] = []
  for (const name of names) {
    try {
      await using session = await openIn(cluster, name, signal)
      await session.query('SELECT count(*) FROM pg_catalog.pg_class', [], signal)
      databases.push(name)
    } catch (error) {
      signal.throwIfAborted()
      if (!isFault(error)) throw error
      troubles.push(`${name}: ${inShort(error)}`)
    }
  }
  const evidence = `${String(databases.length)}: ${databases.join(', ')}`
  if (troubles.length === 0) return { answer: ok(evidence), databases }
  const reason = `${String(troubles.length)} of ${String(names.length)} can not be connected to`
  return { answer: failed(reason, [...troubles, evidence]), databases }
}

async function databasesOf(cluster: RestoredCluster, signal: AbortSignal): Promise<readonly string[]> {
  await using session = await openIn(cluster, cluster.target.database ?? 'postgres', signal)
  const rows = await session.query<SqlRow & { readonly name: string }>(
    'SELECT datname::text AS name FROM pg_catalog.pg_database WHERE datallowconn AND datconnlimit <> -2 ORDER BY datname',
    [],
    signal,
  )
  return rows.map(({ name }) => name)
}
