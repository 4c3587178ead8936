/**
 * Makes what was written durable. Asking the kernel for a sync of the whole file system (`sync -f`) is thirty times as
 * fast for very many small files as a sync of each (measured: bench/micro/sync.ts); where there is no such program, or it
 * fails, every file and directory is synced by itself.
 */
import { execFile } from 'node:child_process'
import { closeSync, constants, fsyncSync, openSync } from 'node:fs'
import { opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { unwritable } from './target-file.ts'

const run = promisify(execFile)

export async function syncTrees(directories: readonly string[], signal: AbortSignal): Promise<void> {
  for (const directory of directories) {
    if (!(await syncFileSystem(directory, signal))) await syncTree(directory, signal)
  }
}

/** False when it could not be done. */
export async function syncFileSystem(directory: string, signal: AbortSignal): Promise<boolean> {
  try {
    await run('sync', ['-f', directory], { signal })
    return true
  } catch {
    signal.throwIfAborted()
    return false
  }
}

/** Syncs every plain file and directory; links are not followed. */
export async function syncTree(directory: string, signal: AbortSignal): Promise<void> {
  for await (const entry of await opendir(directory)) {
    signal.throwIfAborted()
    const path = join(directory, entry.name)
    if (entry.isDirectory()) await syncTree(path, signal)
    else if (entry.isFile()) syncPath(path)
  }
  syncPath(directory)
}

function syncPath(path: string): void {
  try {
    const fd = openSync(path, constants.O_RDONLY)
    try {
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    throw unwritable(path, error)
  }
}
