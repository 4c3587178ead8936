/** What this host needs: programs, the launcher that PostgreSQL starts, and a configuration file that is kept safe. */
import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import { isFault, messageOf } from '../../base/fault.ts'
import { second } from '../../base/units.ts'
import type { LoadedConfig } from '../../config/config.ts'
import { findServer, type ToolPlaces } from '../../postgres/tools.ts'
import type { FileOwner } from '../setup/new-file.ts'
import { advice, ok, problem, type Finding } from './finding.ts'

export async function checkConfigFile({ config, path }: LoadedConfig): Promise<readonly Finding[]> {
  const { mode } = await stat(path)
  const found = [ok('configuration', `${path}, cluster ${config.cluster}`)]
  if ((mode & 0o022) !== 0) {
    found.push(
      problem(
        'configuration',
        `others may change ${path}, and so where backups go (mode ${(mode & 0o777).toString(8)})`,
        `Run chmod go-w ${path}.`,
      ),
    )
  }
  const { connection } = config.postgres
  const holdsPassword =
    connection.kind === 'text' && /password=|:\/\/[^/@]*:[^@/]+@/.test(connection.text.reveal())
  if (holdsPassword && (mode & 0o004) !== 0) {
    found.push(
      problem(
        'configuration',
        `${path} holds a password, and everybody may read it`,
        `Run chmod 640 ${path}, or take the password out: \${NAME}, { file: … } or ~/.pgpass.`,
      ),
    )
  }
  return found
}

/** `user` is set when PostgreSQL runs as another user than we do: what it starts has to read this file. */
export async function checkReadable(
  path: string,
  user: FileOwner | undefined,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  if (!user) return []
  try {
    await promisify(execFile)('/bin/sh', ['-c', 'test -r "$0"', path], {
      signal,
      timeout: 30 * second,
      cwd: '/',
      ...user,
    })
    return [ok('configuration', `${path} can be read by PostgreSQL's user`)]
  } catch {
    signal.throwIfAborted()
    const who = `user ${String(user.uid)}, as whom PostgreSQL runs archive_command,`
    const fix = `Run chgrp ${String(user.gid)} ${path} and chmod 640 ${path}, and let that user enter the folders above it.`
    return [problem('configuration', `${who} can not read ${path}`, fix)]
  }
}

/** PostgreSQL starts it for every segment, as its own user; `user` is set when that is another than ours. */
export async function checkLauncher(
  launcher: string,
  user: FileOwner | undefined,
  signal: AbortSignal,
): Promise<Finding> {
  try {
    await promisify(execFile)(launcher, ['--version'], { signal, timeout: 30 * second, cwd: '/', ...user })
    return ok('archiving', `${launcher} runs${user ? " as PostgreSQL's user" : ''}`)
  } catch (error) {
    signal.throwIfAborted()
    const who = user ? ` as user ${String(user.uid)}, which PostgreSQL is` : ''
    return problem(
      'archiving',
      `${launcher} does not run${who}: ${messageOf(error).split('\n', 1).join('')}`,
      'Install Holdfast where that user can read and run it, for example with npm install --global, or under /opt.',
    )
  }
}

export async function checkTools(major: number, places: ToolPlaces, signal: AbortSignal): Promise<Finding> {
  try {
    const { version, binDirectory } = await findServer(major, places, signal)
    return ok('tools', `PostgreSQL ${version} is in ${binDirectory}, for restore --start`)
  } catch (error) {
    if (!isFault(error, 'SERVER_START')) throw error
    return advice(
      'tools',
      `the programs of PostgreSQL ${String(major)} were not found: restore --start will not work on this host`,
      error.hint,
    )
  }
}
