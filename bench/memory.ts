/**
 * What a tool takes of memory: all its processes together, a page that several share counted once (PSS), five times a
 * second. `processBytes` is what the kernel itself keeps of the largest single process (VmHWM, which counts pages shared
 * with others in full): for a tool of one process it is the stricter figure.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { parseKiB } from './proc.ts'

export interface PeakMemory {
  readonly pssBytes: number
  readonly rssBytes: number
  readonly processBytes: number
}

/** Which processes: a tree, and those in the background that name a folder in their arguments. */
export interface Watched {
  readonly root?: number | undefined
  readonly directory?: string | undefined
}

/** Often enough for peaks that last; one look through all processes takes some milliseconds from what is measured. */
const sampleEveryMs = 200

/** Looks until it is told to stop, and says what the most was. */
export function watchMemory(watched: Watched): () => PeakMemory {
  const peak = { pssBytes: 0, rssBytes: 0, processBytes: 0 }
  const timer = setInterval(() => {
    let [pssBytes, rssBytes] = [0, 0]
    for (const pid of processesOf(watched)) {
      const rollup = readProc(`${pid}/smaps_rollup`)
      pssBytes += parseKiB(rollup, 'Pss')
      rssBytes += parseKiB(rollup, 'Rss')
      peak.processBytes = Math.max(peak.processBytes, parseKiB(readProc(`${pid}/status`), 'VmHWM'))
    }
    peak.pssBytes = Math.max(peak.pssBytes, pssBytes)
    peak.rssBytes = Math.max(peak.rssBytes, rssBytes)
  }, sampleEveryMs)
  return () => {
    clearInterval(timer)
    return peak
  }
}

export function isUsed(directory: string): boolean {
  return usersOf(directory).length > 0
}

function processesOf({ root, directory }: Watched): ReadonlySet<string> {
  return new Set([
    ...(root === undefined ? [] : treeOf(String(root))),
    ...(directory === undefined ? [] : usersOf(directory)),
  ])
}

function usersOf(directory: string): string[] {
  return listProc('').filter(pid => /^\d+$/.test(pid) && readProc(`${pid}/cmdline`).includes(directory))
}

function treeOf(pid: string): string[] {
  const children = listProc(`${pid}/task`)
    .flatMap(thread => readProc(`${pid}/task/${thread}/children`).split(' '))
    .filter(text => text !== '')
  return [pid, ...children.flatMap(treeOf)]
}

/** Empty when the process is gone: it may end between two looks. */
export function readProc(path: string): string {
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
