/** Where a secret comes from. It is read only when it is needed: a database host may well have no identity. */
import { readFile } from 'node:fs/promises'
import { isAbsolute, resolve } from 'node:path'
import { Fault, errnoOf, messageOf } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { Secret } from '../base/secret.ts'

export type SecretSource =
  /** May hold `${NAME}` of the environment. */
  | { readonly kind: 'text'; readonly text: Secret }
  | { readonly kind: 'file'; readonly file: string }
  /** Given to the shell; what it prints is the secret. */
  | { readonly kind: 'command'; readonly command: string }

export interface SecretSurroundings {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The folder of the configuration file: relative paths begin there. */
  readonly folder: string
}

/** `what` is the key in the configuration file, for messages. */
export async function readSecret(
  source: SecretSource,
  what: string,
  surroundings: SecretSurroundings,
  signal: AbortSignal,
): Promise<Secret> {
  switch (source.kind) {
    case 'text':
      return new Secret(expand(source.text.reveal(), what, surroundings.environment))
    case 'file':
      return new Secret(await textOfFile(secretFilePath(source.file, surroundings.folder), what))
    case 'command':
      return new Secret(await textOfCommand(source.command, what, signal))
  }
}

export function secretFilePath(file: string, folder: string): string {
  return isAbsolute(file) ? file : resolve(folder, file)
}

function expand(text: string, what: string, environment: SecretSurroundings['environment']): string {
  return text.replace(/\$\{([^}]*)\}/g, (_, name: string) => {
    const value = environment[name]
    if (value !== undefined) return value
    throw new Fault('CONFIG_INVALID', `${what} needs the environment variable ${name}, which is not set`, {
      hint: `Set ${name} where this command runs (PostgreSQL's own environment, for archive_command), or use {file: …}.`,
    })
  })
}

async function textOfFile(path: string, what: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    const reason = errnoOf(error) === 'ENOENT' ? 'does not exist' : `can not be read: ${messageOf(error)}`
    const hint = 'Check the path, and that the user who runs this command may read the file.'
    throw new Fault('CONFIG_INVALID', `${what}: ${path} ${reason}`, { hint, cause: error })
  }
}

async function textOfCommand(command: string, what: string, signal: AbortSignal): Promise<string> {
  // Loaded here: it brings in half of Node's networking, which `wal push` has no time for.
  const [{ execFile }, { promisify }] = await Promise.all([import('node:child_process'), import('node:util')])
  try {
    const { stdout } = await promisify(execFile)('/bin/sh', ['-c', command], {
      signal,
      timeout: limits.toolMsMax,
    })
    return stdout.trim()
  } catch (error) {
    signal.throwIfAborted()
    throw new Fault('CONFIG_INVALID', `${what}: the command failed: ${failureOf(error)}`, {
      hint: `Run it by hand as the same user: ${command}`,
      cause: error,
    })
  }
}

/** What the command said, else how it ended. Never what it printed: that is the secret. */
function failureOf(error: unknown): string {
  const said =
    error instanceof Error && 'stderr' in error && typeof error.stderr === 'string' ? error.stderr.trim() : ''
  return said === '' ? messageOf(error).split('\n', 1).join('') : said
}
