/** Runs pg_restore: fed through a pipe or from a directory, and judged by what it says. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { Fault, messageOf } from '../base/fault.ts'

export interface PgRestore {
  readonly path: string
  /** What it connects with: see client-environment.ts. */
  readonly environment: Readonly<Record<string, string>>
}

export interface RestoreRun {
  /** For messages: `the tables, views and functions`. */
  readonly what: string
  readonly args: readonly string[]
  /** A custom archive. Without one, pg_restore reads what `args` names. */
  readonly archive?: AsyncIterable<Uint8Array> | undefined
}

/** Throws RESTORE_FAILED, with what pg_restore said first, unless all went well. */
export async function runPgRestore(
  program: PgRestore,
  { what, args, archive }: RestoreRun,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted()
  const child = spawn(program.path, [...args], {
    env: program.environment,
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  const stop = (): void => void child.kill('SIGTERM')
  signal.addEventListener('abort', stop)
  try {
    const said = collect(child.stderr)
    const ended = new Promise<number | string>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, name) => {
        resolve(code ?? name ?? 'a signal')
      })
    })
    // Both are waited for, whichever fails first: nothing runs on behind the caller's back.
    const [fed, end] = await Promise.allSettled([feed(child.stdin, archive ?? none(), stop), ended])
    signal.throwIfAborted()
    if (fed.status === 'rejected') throw fed.reason
    if (end.status === 'rejected') throw failed(what, messageOf(end.reason))
    if (end.value !== 0 && !isHarmless(said())) throw failed(what, firstOf(said(), end.value))
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** A pipe that breaks is what pg_restore says more about. What the archive fails of is thrown, once pg_restore was told to stop. */
async function feed(into: Writable, archive: AsyncIterable<Uint8Array>, stop: () => void): Promise<void> {
  const broken = new AbortController()
  into.on('error', () => {
    broken.abort()
  })
  into.on('close', () => {
    broken.abort()
  })
  try {
    for await (const piece of archive) {
      if (broken.signal.aborted) return
      // The piece is used again for the next one as soon as it is asked for, and the pipe may still hold it.
      if (!into.write(Buffer.from(piece))) await drained(into, broken.signal)
    }
    into.end()
  } catch (error) {
    stop()
    into.destroy()
    throw error
  }
}

async function drained(into: Writable, broken: AbortSignal): Promise<void> {
  try {
    await once(into, 'drain', { signal: broken })
  } catch {
    // It was closed: the next turn of the loop sees that.
  }
}

async function* none(): AsyncIterable<Uint8Array> {
  // Nothing: the input ends at once.
}

const saidCharactersMax = 1 << 20

function collect(stream: Readable): () => string {
  let text = ''
  stream.setEncoding('utf8')
  stream.on('data', (piece: string) => {
    if (text.length < saidCharactersMax) text += piece
  })
  return () => text
}

/**
 * pg_restore 17 and newer sets `transaction_timeout`, which older servers do not know. It is the only error that may be: then
 * pg_restore counts it, and goes on.
 */
function isHarmless(said: string): boolean {
  const errors = said.split(/^pg_restore: error: /m).slice(1)
  return errors.length > 0 && errors.every(error => /^Command was: SET transaction_timeout = 0;/m.test(error))
}

/** From this version on pg_restore sets it, and servers know it. */
export const majorWithTransactionTimeout = 17

/** Whether the server knows all that this pg_restore sets. Where it does not, pg_restore has to be let go on behind an error. */
export function takesAllSettings(pgRestoreVersion: string, serverMajor: number): boolean {
  return (
    Number.parseInt(pgRestoreVersion, 10) < majorWithTransactionTimeout ||
    serverMajor >= majorWithTransactionTimeout
  )
}

const saidLengthMax = 600

/** The first error; what was passed over as harmless is left out. */
function firstOf(said: string, end: number | string): string {
  const [before = '', ...errors] = said.split(/^pg_restore: error: /m)
  const first = errors.find(error => !isHarmless(`pg_restore: error: ${error}`)) ?? before
  const text = first.replace(/\s*\npg_restore: warning: errors ignored.*$/s, '').trim()
  if (text === '') return `it ended with ${typeof end === 'number' ? `status ${String(end)}` : end}`
  return text.length > saidLengthMax ? `${text.slice(0, saidLengthMax)}…` : text
}

function failed(what: string, said: string): Fault {
  return new Fault('RESTORE_FAILED', `pg_restore failed with ${what}: ${said}`, { hint: hintOf(said) })
}

const hints: readonly (readonly [RegExp, string])[] = [
  [
    /role "[^"]*" does not exist/,
    'Restore the roles first with --globals, or leave owners and privileges out: --no-owner --no-privileges.',
  ],
  [
    /tablespace "[^"]*" does not exist/,
    'Make the tablespace first, or put everything into the usual one: --no-tablespaces.',
  ],
  [
    /extension "[^"]*" is not available|could not open extension control file/,
    'Install the package of this extension on the server that is restored into.',
  ],
  [/No space left on device/, 'Make room on the disk of the server that is restored into.'],
  [
    /permission denied|must be (a )?(superuser|owner|member|able to)/,
    'Connect as a superuser, or leave owners and privileges out: --no-owner --no-privileges.',
  ],
  [
    /terminating connection|server closed the connection|could not connect|connection to server .* failed/,
    'See in the log of the server why the connection ended, and run the restore again.',
  ],
]

function hintOf(said: string): string {
  return (
    hints.find(([pattern]) => pattern.test(said))?.[1] ??
    'See in the log of the server what it refused. Nothing half done is left; the same command can be run again.'
  )
}
