/** Settings of the server: what its files say, and setting them with ALTER SYSTEM. */
import { isFault } from '../../base/fault.ts'
import type { Server } from '../../postgres/connection.ts'
import type { SettingChange, SettingsInFiles } from './settings-plan.ts'

/** The last word of the configuration files on these settings; nothing when the role may not look into them. */
export async function settingsInFiles(
  server: Server,
  names: readonly string[],
  signal: AbortSignal,
): Promise<SettingsInFiles> {
  const sql = 'SELECT name, setting FROM pg_file_settings WHERE name = ANY($1) ORDER BY seqno'
  try {
    const rows = await server.query<{ name: string; setting: string }>(sql, [names], signal)
    return new Map(rows.map(({ name, setting }) => [name, setting]))
  } catch (error) {
    if (isFault(error, 'POSTGRES_REFUSED')) return new Map()
    throw error
  }
}

/** Those that need a restart wait for it. */
export async function applySettings(
  server: Server,
  changes: readonly SettingChange[],
  signal: AbortSignal,
): Promise<readonly SettingChange[]> {
  for (const { name, wanted } of changes) {
    // ALTER SYSTEM takes no parameters, so the server itself puts the values into the statement.
    const [row] = await server.query<{ sql: string }>(
      `SELECT format('ALTER SYSTEM SET %I = %L', $1::text, $2::text) AS sql`,
      [name, wanted],
      signal,
    )
    if (row) await server.query(row.sql, [], signal)
  }
  await server.query('SELECT pg_reload_conf()', [], signal)
  return changes.map(change => ({ ...change, waiting: change.restart }))
}
