/** What PostgreSQL is to run: archive_command and restore_command, spelled for its shell. */
import type { Program } from './context.ts'

export function archiveCommandOf({ launcher }: Program, configPath: string): string {
  return `${escaped(launcher)} --config ${escaped(configPath)} wal push %p`
}

/** For the shell, and with PostgreSQL's own `%` doubled. */
function escaped(path: string): string {
  const percent = path.replaceAll('%', '%%')
  return /^[\w@%+=:,./-]+$/.test(percent) ? percent : `'${percent.replaceAll("'", `'\\''`)}'`
}
