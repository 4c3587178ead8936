/**
 * The settings that a server is started with on its command line, where they win over every file, and the
 * configuration files that are missing from a restored data directory (Debian keeps them in /etc).
 */
import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { formatSetting, type SettingValue } from '../config-file.ts'
import { readControlFile } from '../control-file.ts'

export interface Listening {
  readonly socketDirectory: string
  readonly port: number
}

export type Settings = Readonly<Record<string, SettingValue>>

/** The log comes to us, in English and with what recovery says, whatever the files say. */
export const followedLog: Settings = {
  logging_collector: 'off',
  log_destination: 'stderr',
  log_min_messages: 'warning',
  lc_messages: 'C',
}

/**
 * A server that nobody but us can reach, and that reaches nobody: for looking at a restored copy beside its original.
 */
export function privateSettings(
  { socketDirectory, port }: Listening,
  generated: ConfigFiles,
  major: number,
): Settings {
  return {
    // Files that the original may be using at this moment.
    external_pid_file: '',
    ...(major < 15 ? { stats_temp_directory: 'pg_stat_tmp' } : {}),
    huge_pages: 'try',
    listen_addresses: '',
    unix_socket_directories: socketDirectory,
    unix_socket_permissions: '0700',
    port,
    hba_file: generated.hba,
    ident_file: generated.ident,
    ssl: 'off',
    // Its commits would wait for standbys that it does not have, and its subscriptions would take from the original's.
    synchronous_standby_names: '',
    max_logical_replication_workers: 0,
  }
}

export interface ConfigFiles {
  readonly config: string
  readonly hba: string
  readonly ident: string
}

export function generatedFiles(directory: string): ConfigFiles {
  return {
    config: join(directory, 'postgresql.conf'),
    hba: join(directory, 'pg_hba.conf'),
    ident: join(directory, 'pg_ident.conf'),
  }
}

/** Everybody who can reach the socket, which only the server's user and root can. */
export const privateHba = 'local all all trust\n'
/** For a server that is to be used: only the operating system's users, over the socket. */
export const localHba = 'local all all peer\n'

/** Enough for the server to start and replay its WAL: hot standby needs these at least as high as they were. */
export async function minimalConfig(dataDirectory: string): Promise<string> {
  const { control } = await readControlFile(dataDirectory)
  const lines = Object.entries(control.settings).map(([name, value]) => formatSetting(name, value))
  return `# Written by Holdfast, since the restored data directory holds no postgresql.conf.\n${lines.join('')}`
}

/** Which of the files that a server needs are missing from its data directory. */
export async function missingFiles(dataDirectory: string): Promise<readonly (keyof ConfigFiles)[]> {
  const there = generatedFiles(dataDirectory)
  const missing: (keyof ConfigFiles)[] = []
  for (const name of ['config', 'hba', 'ident'] as const) {
    const found = await access(there[name]).then(
      () => true,
      () => false,
    )
    if (!found) missing.push(name)
  }
  return missing
}

/** postgresql.conf may name files elsewhere; then it is not for us to replace them. */
export async function configNames(
  dataDirectory: string,
  setting: 'hba_file' | 'ident_file',
): Promise<boolean> {
  const text = await readFile(generatedFiles(dataDirectory).config, 'utf8').catch(() => '')
  return new RegExp(`^\\s*${setting}\\s*=?\\s*'?[^'\\s#]`, 'm').test(text)
}
