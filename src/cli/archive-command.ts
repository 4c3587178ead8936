/** What PostgreSQL is to run: archive_command and restore_command, spelled for its shell. */
import { shellWord } from '../base/shell-word.ts'
import type { Program } from './context.ts'

export function archiveCommandOf({ launcher }: Program, configPath: string): string {
  return `${escaped(launcher)} --config ${escaped(configPath)} wal push %p`
}

export interface RestoreCommandParts {
  readonly configPath: string
  readonly sources: SourceWords
  /** Everything up to this segment was seen when the restore was planned. */
  readonly requireThrough: string
  readonly allowPartial: boolean
  /** A file that says what is to be taken out of the WAL: see `wal get --withhold`. */
  readonly withhold?: string | undefined
}

export function restoreCommandOf({ launcher }: Program, parts: RestoreCommandParts): string {
  const words = [
    escaped(launcher),
    '--config',
    escaped(parts.configPath),
    'wal get --require-through',
    parts.requireThrough,
    ...(parts.allowPartial ? ['--allow-partial'] : []),
    ...(parts.withhold === undefined ? [] : ['--withhold', escaped(parts.withhold)]),
    ...sourceWords(parts.sources).map(escaped),
    '%f "%p"',
  ]
  return words.join(' ')
}

/** Which repositories are read, as the options of the commands that PostgreSQL and they themselves run. */
export interface SourceWords {
  readonly repository?: string | undefined
  readonly without?: readonly string[] | undefined
  readonly asOfMs?: number | undefined
  /** What lies in their archives, too. */
  readonly archives?: boolean | undefined
}

export function sourceWords({
  repository,
  without = [],
  asOfMs,
  archives = false,
}: SourceWords): readonly string[] {
  return [
    ...(repository === undefined ? [] : ['--repository', repository]),
    ...without.flatMap(name => ['--without', name]),
    ...(asOfMs === undefined ? [] : ['--as-of', new Date(asOfMs).toISOString()]),
    ...(archives ? ['--archives'] : []),
  ]
}

/** For the shell, and with PostgreSQL's own `%` doubled. */
const escaped = (path: string): string => shellWord(path.replaceAll('%', '%%'))
