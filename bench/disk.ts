/** Files as the bench needs them: their size, out of the way, in or out of the page cache. */
import { execFileSync } from 'node:child_process'
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  openSync,
  readSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { MiB } from '../src/base/units.ts'
import type { Caches } from './options.ts'

export interface TreeSize {
  readonly files: number
  readonly sizeBytes: number
}

/** Paths of all regular files below a folder. */
export function* filesOf(directory: string): Generator<string> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) yield* filesOf(path)
    else if (entry.isFile()) yield path
  }
}

export function treeSize(directory: string): TreeSize {
  let files = 0
  let sizeBytes = 0
  for (const path of filesOf(directory)) {
    files++
    sizeBytes += lstatSync(path).size
  }
  return { files, sizeBytes }
}

export function remove(path: string): void {
  // A process that is just ending adds files, or takes some away: the latter Node takes for the end of its own work.
  for (let tries = 0; tries === 0 || (existsSync(path) && tries < 20); tries++)
    rmSync(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
}

/** Nobody pays for what others wrote: all dirty pages go to disk first, then the source is read, or all is dropped. */
export function settle(caches: Caches, sources: readonly string[]): void {
  syncMs()
  if (caches === 'cold') writeFileSync(dropCachesPath, '3')
  else for (const source of sources) for (const path of filesOf(source)) readThrough(path)
}

/** Writes out everything dirty, and says how long that took. */
export function syncMs(): number {
  const startedAt = performance.now()
  execFileSync('sync')
  return performance.now() - startedAt
}

const dropCachesPath = '/proc/sys/vm/drop_caches'

export function canDropCaches(): boolean {
  try {
    accessSync(dropCachesPath, constants.W_OK)
    return true
  } catch {
    return false
  }
}

const buffer = Buffer.allocUnsafe(1 * MiB)

/** Reads a file and forgets it. */
export function readThrough(path: string): void {
  const file = openSync(path, 'r')
  try {
    while (readSync(file, buffer) > 0);
  } finally {
    closeSync(file)
  }
}
