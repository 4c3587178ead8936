/**
 * Runs a command and says what it cost: wall time, CPU seconds, memory.
 *
 * CPU time is what the kernel adds to this process for children it has waited for, and theirs; so only one command is
 * measured at a time. Memory is sampled over the whole tree of processes: a page that several of them share counts
 * once (PSS). `peakProcessBytes` is what the kernel itself keeps of the largest single process (VmHWM, which counts
 * pages shared with others in full): for a tool of one process it is the stricter figure.
 */
import { spawn } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { MiB, formatDuration, minute } from '../src/base/units.ts'
import { parseChildCpuTicks, parseKiB } from './proc.ts'

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

/** Often enough for peaks that last, seldom enough to cost nothing: one look at 500 MiB takes about a millisecond. */
const sampleEveryMs = 100
const clockTicksPerSecond = 100
const outputBytesMax = 1 * MiB

/** Throws, with what the command said, when it fails. */
export async function measure(command: Command, as: RunAs, { sampleMemory = true } = {}): Promise<Measured> {
  const peak = { pss: 0, rss: 0, process: 0 }
  const cpuBefore = childCpuMs()
  const startedAt = performance.now()
  const child = start(command, as)
  const sample = (): void => {
    if (child.pid !== undefined) addSample(peak, child.pid)
  }
  const timer = sampleMemory ? setInterval(sample, sampleEveryMs) : undefined
  const output = collect(child)
  const endedAt = await ended(child).finally(() => {
    clearInterval(timer)
  })
  const text = output()
  if (child.exitCode !== 0)
    throw new Error(`${shown(command)} ended with ${String(child.exitCode ?? child.signalCode)}:\n${text}`)
  return {
    wallMs: endedAt - startedAt,
    cpuMs: childCpuMs() - cpuBefore,
    peakTreePssBytes: peak.pss,
    peakTreeRssBytes: peak.rss,
    peakProcessBytes: peak.process,
    output: text,
  }
}

/** Runs a command whose cost nobody asks for. */
export async function run(command: Command, as: RunAs): Promise<string> {
  return (await measure(command, as, { sampleMemory: false })).output
}

const backgroundMsMax = 2 * minute

/** Waits for what tools leave running in the background: it would cost the next one time. */
export async function untilNobodyUses(directory: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < backgroundMsMax; waitedMs += 50) {
    if (!listProc('').some(pid => readProc(`${pid}/cmdline`).includes(directory))) return
    await delay(50)
  }
  throw new Error(`a process still uses ${directory} after ${formatDuration(backgroundMsMax)}`)
}

type Child = ReturnType<typeof start>

function start(command: Command, { uid, gid, directory }: RunAs) {
  const env = { PATH: process.env['PATH'], HOME: directory, LANG: 'C.UTF-8', ...command.env }
  return spawn(command.program, [...command.args], {
    uid,
    gid,
    cwd: directory,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
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

function addSample(peak: { pss: number; rss: number; process: number }, root: number): void {
  let pss = 0
  let rss = 0
  for (const pid of treeOf(root)) {
    const rollup = readProc(`${String(pid)}/smaps_rollup`)
    pss += parseKiB(rollup, 'Pss')
    rss += parseKiB(rollup, 'Rss')
    peak.process = Math.max(peak.process, parseKiB(readProc(`${String(pid)}/status`), 'VmHWM'))
  }
  peak.pss = Math.max(peak.pss, pss)
  peak.rss = Math.max(peak.rss, rss)
}

function treeOf(pid: number): number[] {
  const children = listProc(`${String(pid)}/task`)
    .flatMap(thread => readProc(`${String(pid)}/task/${thread}/children`).split(' '))
    .filter(text => text !== '')
    .map(Number)
  return [pid, ...children.flatMap(treeOf)]
}

function childCpuMs(): number {
  return (parseChildCpuTicks(readProc('self/stat')) * 1000) / clockTicksPerSecond
}

/** Empty when the process is gone: it may end between two looks. */
function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'latin1')
  } catch {
    return ''
  }
}

function listProc(path: string): string[] {
  try {
    return readdirSync(`/proc/${path}`)
  } catch {
    return []
  }
}

const shown = ({ program, args }: Command): string => [program, ...args].join(' ')
