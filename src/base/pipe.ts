/** A pipe for two programs that this one starts: what goes through it is seen by nobody else, and by nobody here. */
import { execFile } from 'node:child_process'
import { constants, open, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface Pipe {
  readonly read: FileHandle
  readonly write: FileHandle
}

/**
 * `folder` is used for a moment. Both ends are to be closed here as soon as the programs have them, or the one that reads never
 * sees the end.
 */
export async function openPipe(folder: string, name: string): Promise<Pipe> {
  const path = join(folder, name)
  await promisify(execFile)('mkfifo', ['-m', '0600', path])
  try {
    // Each end waits for the other to be opened, unless it is told not to (fifo(7)); the programs want one that waits for bytes.
    const first = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const write = await open(path, constants.O_WRONLY)
      return { read: await open(path, constants.O_RDONLY), write }
    } finally {
      await first.close()
    }
  } finally {
    await rm(path, { force: true })
  }
}
