/** The rights that a role other than a superuser needs, as the statements that give them. */

/** Functions of PostgreSQL that Holdfast calls and that only superusers may call at first. */
export function restrictedFunctions(major: number): readonly string[] {
  const backup =
    major < 15
      ? ['pg_start_backup(text, boolean, boolean)', 'pg_stop_backup(boolean, boolean)']
      : ['pg_backup_start(text, boolean)', 'pg_backup_stop(boolean)']
  return [...backup, 'pg_switch_wal()', 'pg_create_restore_point(text)']
}

/**
 * All statements, to be run by a superuser in the database that Holdfast connects to: rights to execute
 * functions count in one database only.
 */
export function grantsFor(role: string, major: number): readonly string[] {
  const to = quoteIdentifier(role)
  return [
    `GRANT pg_monitor TO ${to};`,
    ...restrictedFunctions(major).map(name => `GRANT EXECUTE ON FUNCTION pg_catalog.${name} TO ${to};`),
  ]
}

/** The statement that mends this refusal of the server, if it is a right that can be granted. */
export function grantAgainst(message: string, role: string, major: number): string | undefined {
  const grants = grantsFor(role, major)
  const name = /permission denied for function (\w+)/.exec(message)?.[1]
  if (name !== undefined) return grants.find(grant => grant.includes(`.${name}(`))
  return /pg_read_all_settings|pg_monitor|pg_read_all_stats|pg_ls_\w+/.test(message) ? grants[0] : undefined
}

export function quoteIdentifier(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}
