/** What PostgreSQL has to be told so that its WAL reaches the repository. Decides only; see apply-settings.ts. */
import type { ServerFacts } from '../../postgres/server-facts.ts'

export interface SettingChange {
  readonly name: string
  readonly current: string
  readonly wanted: string
  /** Takes effect when the server is restarted; else at a reload. */
  readonly restart: boolean
  readonly why: string
  /** Stands in the server's configuration files already, and waits for the restart or reload. */
  readonly waiting: boolean
}

export type SettingsNow = Pick<ServerFacts, 'walLevel' | 'archiver'>

/** What the configuration files say, which may not be in force yet. */
export type SettingsInFiles = ReadonlyMap<string, string>

/** Only what differs; empty when all is as it should be. */
export function planSettings(
  { walLevel, archiver }: SettingsNow,
  archiveCommand: string,
  inFiles: SettingsInFiles = new Map(),
): readonly SettingChange[] {
  const changes: readonly (Omit<SettingChange, 'waiting'> | false)[] = [
    walLevel === 'minimal' && {
      name: 'wal_level',
      current: walLevel,
      wanted: 'replica',
      restart: true,
      why: 'a minimal log can not rebuild the data',
    },
    archiver.mode === 'off' && {
      name: 'archive_mode',
      current: 'off',
      wanted: 'on',
      restart: true,
      why: 'finished WAL segments are handed to archive_command',
    },
    archiver.library !== '' && {
      name: 'archive_library',
      current: archiver.library,
      wanted: '',
      restart: false,
      why: 'while it is set, archive_command is not used',
    },
    archiver.command !== archiveCommand && {
      name: 'archive_command',
      current: archiver.command,
      wanted: archiveCommand,
      restart: false,
      why: 'stores each segment in the repository',
    },
    archiver.timeoutMs === 0 && {
      name: 'archive_timeout',
      current: '0',
      wanted: '60s',
      restart: false,
      why: 'also a quiet server hands over its WAL, at the latest after a minute',
    },
  ]
  return changes
    .filter(change => change !== false)
    .map(change => ({ ...change, waiting: inFiles.get(change.name) === change.wanted }))
}

/** The setting by which another program archives at present; it would be cut off. */
export function foreignArchiving({ archiver }: SettingsNow): string | undefined {
  if (archiver.mode === 'off') return undefined
  if (archiver.library !== '') return `archive_library = '${archiver.library}'`
  const ours = archiver.command === '' || /holdfast\S*\s(?:.*\s)?wal\s+push\b/.test(archiver.command)
  return ours ? undefined : `archive_command = '${archiver.command}'`
}
