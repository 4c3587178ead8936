/**
 * What a base backup leaves out. The rules are those of PostgreSQL itself: sendDir in
 * src/backend/backup/basebackup.c, and the manual, "Base Backup" of the replication protocol.
 *
 * All rules by name count at any depth, as they do in PostgreSQL.
 */

/** Directories of which only the empty folder is kept: the server empties or rebuilds them when it starts. */
export const emptiedDirectories = [
  'pg_dynshmem',
  'pg_notify',
  'pg_replslot',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
] as const

const emptied: ReadonlySet<string> = new Set(emptiedDirectories)

const left: ReadonlySet<string> = new Set([
  'postgresql.auto.conf.tmp',
  'current_logfiles.tmp',
  'postmaster.pid',
  'postmaster.opts',
  '.DS_Store',
  // These belong to the backup that the server was once restored from, never to this one.
  'backup_label',
  'tablespace_map',
  'backup_manifest',
])

export function isEmptied(name: string): boolean {
  return emptied.has(name)
}

/** Temporary files, relation caches (`pg_internal.init.<pid>` too) and what is named above. */
export function isLeftOut(name: string): boolean {
  return left.has(name) || name.startsWith('pgsql_tmp') || name.startsWith('pg_internal.init')
}

/** Folders of pg_wal that a server expects. WAL itself comes from the archive. */
export function walDirectories(major: number): readonly string[] {
  return major >= 17
    ? ['pg_wal', 'pg_wal/archive_status', 'pg_wal/summaries']
    : ['pg_wal', 'pg_wal/archive_status']
}

/** Copied by itself, after everything else, so that it is never older than what it speaks of. */
export const controlFilePath = 'global/pg_control'
