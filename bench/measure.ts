/**
 * Runs a command and says what it cost: wall time, CPU seconds, memory.
 *
 * CPU time is what the kernel adds to this process for children it has waited for, and theirs; so only one command is
 * measured at a time. Memory is sampled over the whole tree of processes, and those in the background that name the
 * tool's folder; see memory.ts.
 */
import { spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { MiB, formatDuration, minute } from '../src/base/units.ts'
import { fileURLToPath } from 'node:url'
import { isUsed, readProc, watchMemory } from './memory.ts'
import { parseChildCpuTicks } from './proc.ts'

export interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>> | undefined
}

export interface RunAs {
  readonly uid: number
  readonly gid: number
  readonly directory: string
}

export interface Measured {
  readonly wallMs: number
  readonly cpuMs: number
  readonly peakTreePssBytes: number
  readonly peakTreeRssBytes: number
  readonly peakProcessBytes: number
  readonly output: string
}

const clockTicksPerSecond = 100
const outputBytesMax = 1 * MiB

export interface MeasureOptions {
  readonly sampleMemory?: boolean | undefined
  /** Processes that name it in their arguments are the tool's, too. */
  readonly directory?: string | undefined
}

/** Throws, with what the command said, when it fails. */
export async function measure(
  command: Command,
  as: RunAs,
  { sampleMemory = true, directory }: MeasureOptions = {},
): Promise<Measured> {
  const cpuBefore = childCpuMs()
  const startedAt = performance.now()
  const child = start(command, as)
  const peak = sampleMemory ? watchMemory({ root: child.pid, directory }) : undefined
  const output = collect(child)
  const endedAt = await ended(child).finally(() => peak?.())
  const text = output()
  if (child.exitCode !== 0)
    throw new Error(`${shown(command)} ended with ${String(child.exitCode ?? child.signalCode)}:\n${text}`)
  const { pssBytes = 0, rssBytes = 0, processBytes = 0 } = peak?.() ?? {}
  return {
    wallMs: endedAt - startedAt,
    cpuMs: childCpuMs() - cpuBefore,
    peakTreePssBytes: pssBytes,
    peakTreeRssBytes: rssBytes,
    peakProcessBytes: processBytes,
    output: text,
  }
}

/** Runs a command whose cost nobody asks for. */
export async function run(command: Command, as: RunAs): Promise<string> {
  return (await measure(command, as, { sampleMemory: false })).output
}

/** A command, and what is done with a file when it has succeeded, as the server does. */
export interface Call {
  readonly command: Command
  readonly then: { readonly rename: string; readonly to: string } | { readonly remove: string }
}

const archiver = fileURLToPath(new URL('archiver.pl', import.meta.url))

/** One after another; see archiver.pl. Throws, with what was said, when one fails. */
export async function callInTurn(
  calls: readonly Call[],
  as: RunAs,
): Promise<{ readonly wallMs: number; readonly callMs: readonly number[] }> {
  const lines = calls.map(({ command: { program, args }, then }) =>
    [...('remove' in then ? [then.remove, ''] : [then.rename, then.to]), program, ...args].join('\t'),
  )
  const startedAt = performance.now()
  const child = start({ program: 'perl', args: [archiver] }, as, `${lines.join('\n')}\n`)
  const output = collect(child)
  const wallMs = (await ended(child)) - startedAt
  const text = output()
  if (child.exitCode !== 0)
    throw new Error(`a call ended with ${String(child.exitCode ?? child.signalCode)}:\n${text}`)
  return { wallMs, callMs: [...text.matchAll(/^\d+\.\d{3}$/gm)].map(Number) }
}

const backgroundMsMax = 2 * minute

/** Waits for what tools leave running in the background: it would cost the next one time. */
export async function untilNobodyUses(directory: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < backgroundMsMax; waitedMs += 50) {
    if (!isUsed(directory)) return
    await delay(50)
  }
  throw new Error(`a process still uses ${directory} after ${formatDuration(backgroundMsMax)}`)
}

type Child = ReturnType<typeof start>

function start(command: Command, { uid, gid, directory }: RunAs, input = '') {
  const env = { PATH: process.env['PATH'], HOME: directory, LANG: 'C.UTF-8', ...command.env }
  const child = spawn(command.program, [...command.args], { uid, gid, cwd: directory, env, stdio: 'pipe' })
  // One that ends without reading it says itself why.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  return child
}

/** The end is when the process is gone, not when its output is: a child left behind may hold the pipe. */
async function ended(child: Child): Promise<number> {
  const endedAt = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => {
      resolve(performance.now())
    })
  })
  await new Promise(resolve => {
    setImmediate(resolve)
  })
  child.stdout.destroy()
  child.stderr.destroy()
  return endedAt
}

function collect(child: Child): () => string {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  const keep = (chunk: Buffer): void => {
    if (sizeBytes > outputBytesMax) return
    chunks.push(chunk)
    sizeBytes += chunk.length
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  return () => Buffer.concat(chunks).toString()
}

function childCpuMs(): number {
  return (parseChildCpuTicks(readProc('self/stat')) * 1000) / clockTicksPerSecond
}

const shown = ({ program, args }: Command): string => [program, ...args].join(' ')
