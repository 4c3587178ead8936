/** Runs a client program whose standard output is a stream of bytes, and ends it when nobody reads on. */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { limits } from '../../base/limits.ts'
import { programFault } from './program-fault.ts'

export interface ClientProgram {
  readonly path: string
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** For messages: `database "shop"`. */
  readonly about: string
}

export interface ClientOutput extends AsyncDisposable {
  /** Ends when the program has ended well. DUMP_FAILED, with what the program said, when it has not. */
  readonly bytes: AsyncIterable<Uint8Array>
  /** Of what it said, lines that are no failure. Complete at the end of `bytes`. */
  warnings(): readonly string[]
}

export function startClient(program: ClientProgram, signal: AbortSignal): ClientOutput {
  signal.throwIfAborted()
  const [path = '', ...args] = inLargePieces([program.path, ...program.args])
  const child = spawn(path, args, {
    env: { ...program.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = collectSaid(child.stderr)
  const ended = endOf(child)
  const stop = (): void => {
    void endChild(child)
  }
  signal.addEventListener('abort', stop, { once: true })
  return {
    bytes: bytesOf(program, child, { said, ended, signal }),
    warnings: () => linesOf(said.text()),
    async [Symbol.asyncDispose]() {
      signal.removeEventListener('abort', stop)
      await endChild(child)
      await ended
    },
  }
}

/**
 * pg_dump writes 4 KiB at a time into a pipe, as the C library has it for all programs; in pieces of 1 MiB it takes half as
 * long. `stdbuf`, of GNU's coreutils, changes that and then becomes the program; where it is not there, it goes without.
 */
export function inLargePieces(words: readonly string[]): readonly string[] {
  return existsSync(stdbufPath) ? [stdbufPath, '--output=1M', ...words] : words
}

const stdbufPath = '/usr/bin/stdbuf'

type Child = ChildProcessByStdio<null, Readable, Readable>

/** How it ended; an error when it could not be started. Never rejects. */
type Ending =
  { readonly status: number | null; readonly by: NodeJS.Signals | null } | { readonly error: Error }

interface Surroundings {
  readonly said: Said
  readonly ended: Promise<Ending>
  readonly signal: AbortSignal
}

async function* bytesOf(
  program: ClientProgram,
  child: Child,
  { said, ended, signal }: Surroundings,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of child.stdout) {
      // Without an encoding, a stream gives buffers.
      yield chunk as Uint8Array
    }
  } catch (error) {
    // A stream that is ended because of the signal tells of itself only.
    signal.throwIfAborted()
    throw error
  }
  signal.throwIfAborted()
  const ending = await ended
  signal.throwIfAborted()
  if ('status' in ending && ending.status === 0) return
  throw programFault(program, ending, said.text())
}

function endOf(child: Child): Promise<Ending> {
  return new Promise(resolve => {
    child.once('error', error => {
      resolve({ error })
    })
    child.once('close', (status, by) => {
      resolve({ status, by })
    })
  })
}

/** pg_dump has its server cancel the statement when it is told to end; one that hangs is killed. */
async function endChild(child: Child): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  child.stdout.destroy()
  child.kill('SIGTERM')
  const slow = AbortSignal.timeout(limits.dumpStopMsMax)
  try {
    await once(child, 'exit', { signal: slow })
  } catch {
    child.kill('SIGKILL')
  }
}

export interface Said {
  text(): string
}

/** The beginning and the end of what it says: the first complaint is the cause, the last what it died of. */
export function collectSaid(stream: Readable): Said {
  let head = ''
  let tail = ''
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    if (head.length < limits.clientSaidCharsMax) head += text
    else tail = (tail + text).slice(-limits.clientSaidCharsMax)
  })
  return { text: () => head + tail }
}

const linesOf = (text: string): readonly string[] =>
  text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
