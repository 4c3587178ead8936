/**
 * Runs another program: without a shell, with a limit of time, its whole process group ended when that is over, and what it
 * says kept within bounds. What it says on standard error stands in the fault.
 */
import { spawn } from 'node:child_process'
import { Fault, errnoOf, messageOf } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { formatBytes, formatDuration } from '../base/units.ts'

export interface ProgramCall {
  /** The program, then its words. */
  readonly words: readonly [string, ...string[]]
  readonly timeLimitMs: number
  readonly input?: string | undefined
  /** Added to PATH and the C locale, which are all that the program gets. */
  readonly environment?: Readonly<Record<string, string>> | undefined
}

export interface ProgramResult {
  /** 0 when it went well; 128 and more when a signal ended it. */
  readonly status: number
  readonly stdout: string
  /** The end of it. */
  readonly stderr: string
}

export type RunProgram = (call: ProgramCall, signal: AbortSignal) => Promise<ProgramResult>

/** SNAPSHOT_UNSUPPORTED when there is no such program, SNAPSHOT_FAILED when it takes too long or says too much. */
export const runProgram: RunProgram = async (call, signal) => {
  signal.throwIfAborted()
  const { words, timeLimitMs, input = '' } = call
  const [program, ...args] = words
  const child = spawn(program, args, {
    // A group of its own, so that whatever it has started ends with it.
    detached: true,
    stdio: 'pipe',
    cwd: '/',
    env: { PATH: searchPath, LC_ALL: 'C', ...call.environment },
  })
  let failure: Error | undefined
  const stop = (reason: unknown): void => {
    failure ??= reason instanceof Error ? reason : new Error(messageOf(reason))
    if (child.pid !== undefined) killGroup(child.pid)
  }
  const onAbort = (): void => {
    stop(signal.reason)
  }
  const timer = AbortSignal.timeout(timeLimitMs)
  const onTimeout = (): void => {
    stop(
      failed(
        call,
        `did not end within ${formatDuration(timeLimitMs)}`,
        'See what it waits for, or raise snapshots.time_limit.',
      ),
    )
  }
  signal.addEventListener('abort', onAbort)
  timer.addEventListener('abort', onTimeout)
  const stdout = new Bounded(limits.programOutputBytesMax, () => {
    stop(
      failed(
        call,
        `wrote more than ${formatBytes(limits.programOutputBytesMax)}`,
        'Run it by hand to see what it says.',
      ),
    )
  })
  const stderr = new Tail(limits.programErrorBytesMax)
  child.stdout.on('data', (piece: Buffer) => {
    stdout.add(piece)
  })
  child.stderr.on('data', (piece: Buffer) => {
    stderr.add(piece)
  })
  // A program that does not read its input is no error.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  try {
    const status = await new Promise<number>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, name) => {
        resolve(code ?? 128 + (name === 'SIGKILL' ? 9 : 15))
      })
    })
    if (failure !== undefined) throw failure
    return { status, stdout: stdout.text(), stderr: stderr.text() }
  } catch (error) {
    throw failure ?? notStarted(call, error)
  } finally {
    signal.removeEventListener('abort', onAbort)
    timer.removeEventListener('abort', onTimeout)
  }
}

/** SNAPSHOT_FAILED, with what it said, when it ends with another status than 0. */
export async function runWell(run: RunProgram, call: ProgramCall, signal: AbortSignal): Promise<string> {
  const result = await run(call, signal)
  if (result.status === 0) return result.stdout
  throw failedWith(call, result)
}

export function failedWith(call: ProgramCall, { status, stderr, stdout }: ProgramResult): Fault {
  const said = (stderr.trim() === '' ? stdout : stderr).trim().split('\n').slice(-5).join('; ')
  return failed(
    call,
    `ended with status ${String(status)}${said === '' ? '' : `: ${said}`}`,
    'Run it by hand as the same user to see what is wrong; `snapshots.prefix` puts sudo before it.',
  )
}

/** Daemons and cron have short paths, and these programs lie where only root looks. */
const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}

function notStarted(call: ProgramCall, error: unknown): Fault {
  const [program] = call.words
  if (errnoOf(error) === 'ENOENT')
    return new Fault('SNAPSHOT_UNSUPPORTED', `there is no program ${program} on this host`, {
      hint: `Install ${packageOf(program)}, or name another provider in snapshots.provider.`,
      cause: error,
    })
  return failed(call, `could not be started: ${messageOf(error)}`, 'Look at its rights.')
}

const packages: Readonly<Record<string, string>> = {
  btrfs: 'the package btrfs-progs',
  zfs: 'the package zfsutils-linux',
  lvs: 'the package lvm2',
  lvcreate: 'the package lvm2',
}
const packageOf = (program: string): string => packages[program] ?? 'it'

function failed({ words }: ProgramCall, what: string, hint: string): Fault {
  return new Fault('SNAPSHOT_FAILED', `\`${words.join(' ')}\` ${what}`, { hint })
}

/** Keeps everything up to a bound. */
class Bounded {
  readonly #pieces: Buffer[] = []
  readonly #sizeBytesMax: number
  readonly #onTooMuch: () => void
  #sizeBytes = 0

  constructor(sizeBytesMax: number, onTooMuch: () => void) {
    this.#sizeBytesMax = sizeBytesMax
    this.#onTooMuch = onTooMuch
  }

  add(piece: Buffer): void {
    this.#sizeBytes += piece.length
    if (this.#sizeBytes > this.#sizeBytesMax) this.#onTooMuch()
    else this.#pieces.push(piece)
  }

  text(): string {
    return Buffer.concat(this.#pieces).toString()
  }
}

/** Keeps the end. */
class Tail {
  readonly #sizeBytesMax: number
  #bytes = Buffer.alloc(0)

  constructor(sizeBytesMax: number) {
    this.#sizeBytesMax = sizeBytesMax
  }

  add(piece: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, piece]).subarray(-this.#sizeBytesMax)
  }

  text(): string {
    return this.#bytes.toString()
  }
}
