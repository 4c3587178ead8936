/** Writes the files of an attempt, run by run, until all are whole or the place that they come from fails. */
import { type Fault } from '../../../base/fault.ts'
import { formatCrc32c } from '../../../pipeline/crc32c.ts'
import type { ManifestFile } from '../../../repository/format/manifest.ts'
import { corruptPack } from '../../../repository/packs/corrupt-pack.ts'
import type { PackTools } from '../../../repository/packs/pack-reader.ts'
import { isRepositoryTrouble } from '../../sources/trouble.ts'
import type { CopyInSetup } from '../messages.ts'
import type { Attempt, OpenRun } from './attempt.ts'
import { FileParts } from './file-parts.ts'
import { PartWriter } from './part-writer.ts'

export interface RunWriterHooks {
  /** Between frames: lets messages in; throws when the work was stopped. */
  turn(): void
  /** Less than nothing when bytes that were written have to be written again. */
  advanced(bytes: number): void
}

export interface Written {
  /** So many files, of those asked for, are whole: written, with the right sum. */
  readonly whole: number
  /** What kept the next one from being so; undefined when there is none left. */
  readonly fault: Fault | undefined
}

export class RunWriter {
  readonly #setup: Pick<CopyInSetup, 'targetDirectory' | 'owner'>
  readonly #tools: PackTools
  readonly #hooks: RunWriterHooks

  constructor(
    setup: Pick<CopyInSetup, 'targetDirectory' | 'owner'>,
    tools: PackTools,
    hooks: RunWriterHooks,
  ) {
    this.#setup = setup
    this.#tools = tools
    this.#hooks = hooks
  }

  /** Throws what has nothing to do with the place: the target can not be written, or the work was stopped. */
  async write(attempt: Attempt): Promise<Written> {
    let whole = 0
    try {
      for (const run of await attempt.runs) {
        const written = await this.#writeRun(run)
        whole += written.whole
        if (written.fault) return { whole, fault: written.fault }
      }
      return { whole, fault: undefined }
    } catch (error) {
      if (isRepositoryTrouble(error)) return { whole, fault: error }
      throw error
    }
  }

  async #writeRun(run: OpenRun): Promise<Written> {
    const parts = new FileParts(run.files)
    const writer = new PartWriter({ ...this.#setup, bufferCount: this.#tools.raw.length, onMismatch })
    try {
      await this.#writeFrames(run, parts, writer)
      await writer.settle()
      return { whole: parts.done, fault: undefined }
    } catch (error) {
      if (!isRepositoryTrouble(error)) throw error
      this.#hooks.advanced(-parts.openBytes)
      // What is whole so far stays, when it could be written.
      await writer.dropOpen()
      await writer.settle()
      return { whole: parts.done, fault: error }
    } finally {
      await writer.abandon()
    }
  }

  async #writeFrames(run: OpenRun, parts: FileParts, writer: PartWriter): Promise<void> {
    const bufferCount = this.#tools.raw.length
    for await (const { frame, bytes, damage } of run.frames) {
      if (!bytes) throw damage ?? corruptPack('a frame is lost')
      for (const part of parts.of(frame.rawOffsetBytes, bytes)) {
        writer.take(part, frame.index % bufferCount)
        this.#hooks.advanced(part.bytes.length)
      }
      await writer.free((frame.index + 1) % bufferCount)
      this.#hooks.turn()
    }
    if (parts.done < run.files.length) throw corruptPack('the pack ends before it')
  }
}

function onMismatch(file: ManifestFile, crc: number): never {
  throw corruptPack(`its CRC-32C is ${formatCrc32c(crc)} instead of ${formatCrc32c(file.crc32c)}`)
}
