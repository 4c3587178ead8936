/** Writes one object: into the staging area while it grows, under its own name once it is durable. */
import { unlink } from 'node:fs/promises'
import { assert } from '../../../base/assert.ts'
import { errnoOf } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import type { ObjectWriter } from '../../storage.ts'
import { guarded } from './faults.ts'
import type { Folders } from './folders.ts'
import { pathOf, type Place } from './place.ts'
import { publish } from './publish.ts'
import { openStaged, type StagedFile } from './staging.ts'

export async function openWriter(
  place: Place,
  folders: Folders,
  key: string,
  signal: AbortSignal,
): Promise<ObjectWriter> {
  const staged = await guarded('write', pathOf(place, key), () => openStaged(place, folders))
  return new FsWriter(place, folders, key, staged, signal)
}

class FsWriter implements ObjectWriter {
  readonly #place: Place
  readonly #folders: Folders
  readonly #key: string
  readonly #staged: StagedFile
  readonly #signal: AbortSignal
  #state: 'open' | 'closed' = 'open'
  #writeback = new Writeback()

  constructor(place: Place, folders: Folders, key: string, staged: StagedFile, signal: AbortSignal) {
    this.#place = place
    this.#folders = folders
    this.#key = key
    this.#staged = staged
    this.#signal = signal
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#assertOpen()
    await this.#guarded(async () => {
      await writeAll(this.#staged, bytes)
      await this.#writeback.wrote(bytes.length, this.#staged)
    })
  }

  async commit(): Promise<'written' | 'taken'> {
    this.#assertOpen()
    return this.#guarded(async () => {
      await this.#writeback.settle()
      await this.#staged.handle.sync()
      this.#signal.throwIfAborted()
      const outcome = await publish(this.#place, this.#folders, this.#staged.path, this.#key)
      this.#state = 'closed'
      await this.#staged.handle.close()
      return outcome
    })
  }

  async abort(): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    await this.#writeback.settle().catch(() => undefined)
    await this.#staged.handle.close().catch(() => undefined)
    await guarded('remove', this.#staged.path, async () => {
      await unlink(this.#staged.path).catch(unlessGone)
    })
  }

  #assertOpen(): void {
    assert(this.#state === 'open', `the writer of ${this.#key} is used only until it is committed or aborted`)
    this.#signal.throwIfAborted()
  }

  #guarded<T>(work: () => Promise<T>): Promise<T> {
    return guarded('write', pathOf(this.#place, this.#key), work)
  }
}

/**
 * Starts writing to the disk while the object still grows, one sync at a time, so that commit has little left to
 * wait for, and so that no more than two lots of it are dirty in memory. A failed sync is told once by the kernel:
 * it is kept, and fails the object.
 */
class Writeback {
  #pendingBytes = 0
  #running: Promise<unknown> = Promise.resolve()

  async wrote(bytes: number, { handle }: StagedFile): Promise<void> {
    this.#pendingBytes += bytes
    if (this.#pendingBytes < limits.writebackSizeBytes) return
    await this.#running
    this.#pendingBytes = 0
    this.#running = handle.datasync()
    this.#running.catch(() => undefined)
  }

  async settle(): Promise<void> {
    await this.#running
  }
}

async function writeAll({ handle }: StagedFile, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done)
    done += bytesWritten
  }
}

function unlessGone(error: unknown): void {
  if (errnoOf(error) !== 'ENOENT') throw error
}
