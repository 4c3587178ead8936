/** A worker that copies in: fetches ranges of packs, opens, decompresses, sums and writes files. */
import { alignedBuffers } from '../../../base/aligned-buffers.ts'
import { Fault } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import { formatCrc32c } from '../../../pipeline/crc32c.ts'
import type { ManifestFile } from '../../../repository/format/manifest.ts'
import {
  createPackTools,
  inPack,
  openPack,
  type PackReader,
  type PackTools,
} from '../../../repository/packs/pack-reader.ts'
import type { CopyInReport, CopyInSetup, PackObject } from '../messages.ts'
import type { WorkerPort } from '../run-worker.ts'
import { FileParts, frameRuns, type FilePart, type FrameRun } from './file-parts.ts'
import { isRightAlready } from './kept-file.ts'
import { PartWriter } from './part-writer.ts'
import { writeSmallFile } from './small-file.ts'

export async function runCopyIn(setup: CopyInSetup, port: WorkerPort, signal: AbortSignal): Promise<void> {
  const tools = createPackTools(alignedBuffers(frameBuffers, limits.frameSizeBytesMax))
  const copier = new CopierIn(setup, port, tools)
  try {
    for (let task = await port.nextTask(); task; task = await port.nextTask()) {
      if (task.kind !== 'copy-in') throw new Error(`assertion failed: ${task.kind} is a task for another job`)
      await copier.copy(task.pack, task.files, signal)
    }
    port.post({ kind: 'copied-in', report: copier.report() })
  } finally {
    tools.close()
  }
}

class CopierIn {
  readonly #setup: CopyInSetup
  readonly #port: WorkerPort
  readonly #tools: PackTools
  #opened: { readonly number: number; readonly reader: PackReader } | undefined
  #report = { files: 0, bytes: 0, filesKept: 0, bytesKept: 0 }
  #bytesUntold = 0

  constructor(setup: CopyInSetup, port: WorkerPort, tools: PackTools) {
    this.#setup = setup
    this.#port = port
    this.#tools = tools
  }

  report(): CopyInReport {
    this.#tell(0)
    return this.#report
  }

  async copy(pack: PackObject, files: readonly ManifestFile[], signal: AbortSignal): Promise<void> {
    const wanted = this.#setup.delta ? files.filter(file => !this.#keep(file)) : files
    for (const file of wanted) if (file.sizeBytes === 0) this.#writeEmpty(file)
    const filled = wanted.filter(file => file.sizeBytes > 0)
    if (filled.length === 0) return
    const reader = await this.#reader(pack, signal)
    this.#checkOffsets(pack, filled, reader)
    for (const run of frameRuns(filled, reader.index, gapFramesMax))
      await this.#copyRun(pack, run, reader, signal)
  }

  async #copyRun(pack: PackObject, run: FrameRun, reader: PackReader, signal: AbortSignal): Promise<void> {
    const parts = new FileParts(run.files)
    const bufferCount = this.#tools.raw.length
    const { targetDirectory, owner } = this.#setup
    const onMismatch = (file: ManifestFile, crc: number): never => {
      const why = `its CRC-32C is ${formatCrc32c(crc)} instead of ${formatCrc32c(file.crc32c)}`
      throw this.#damaged(pack, file.path, why)
    }
    const writer = new PartWriter({ targetDirectory, owner, bufferCount, onMismatch })
    try {
      for await (const { frame, bytes, damage } of reader.frames(run.first, run.last, signal)) {
        if (!bytes) throw this.#damaged(pack, parts.nextPath(), damage)
        for (const part of parts.of(frame.rawOffsetBytes, bytes)) {
          writer.take(part, frame.index % bufferCount)
          this.#took(part)
        }
        await writer.free((frame.index + 1) % bufferCount)
        this.#port.poll()
        signal.throwIfAborted()
      }
      if (parts.nextPath() !== undefined)
        throw this.#damaged(pack, parts.nextPath(), 'the pack ends before it')
      await writer.settle()
    } finally {
      await writer.abandon()
    }
  }

  #took({ bytes, isLast }: FilePart): void {
    this.#report.bytes += bytes.length
    if (isLast) this.#report.files++
    this.#tell(bytes.length)
  }

  #writeEmpty(file: ManifestFile): void {
    writeSmallFile(`${this.#setup.targetDirectory}/${file.path}`, new Uint8Array(0), file, this.#setup.owner)
    this.#report.files++
  }

  #keep(file: ManifestFile): boolean {
    const path = `${this.#setup.targetDirectory}/${file.path}`
    const [buffer] = this.#tools.raw
    if (!buffer || !isRightAlready(path, file, this.#setup.owner, buffer)) return false
    this.#report.filesKept++
    this.#report.bytesKept += file.sizeBytes
    this.#tell(file.sizeBytes)
    return true
  }

  /** The pack that the last task was about stays open. */
  async #reader(pack: PackObject, signal: AbortSignal): Promise<PackReader> {
    if (this.#opened?.number === pack.number) return this.#opened.reader
    const { keyPrefix, identities } = this.#setup
    const source = {
      storage: this.#port.storage,
      key: `${keyPrefix}${pack.name}`,
      sizeBytes: pack.sizeBytes,
      identities,
    }
    const reader = await openPack(source, this.#tools, signal)
    this.#opened = { number: pack.number, reader }
    return reader
  }

  #checkOffsets(pack: PackObject, files: readonly ManifestFile[], { index }: PackReader): void {
    let endBytes = 0
    for (const { path, offsetBytes, sizeBytes } of files) {
      if (offsetBytes < endBytes) throw this.#damaged(pack, path, 'the manifest places it over another file')
      endBytes = offsetBytes + sizeBytes
      if (endBytes > index.rawBytes)
        throw this.#damaged(pack, path, 'the manifest places it behind the end of the pack')
    }
  }

  #damaged(pack: PackObject, path: string | undefined, why: unknown): unknown {
    const where = `backup ${this.#setup.backup}, ${pack.name}${path === undefined ? '' : `, file ${path}`}`
    const cause = typeof why === 'string' ? new Fault('OBJECT_CORRUPT', why, { hint: damageHint }) : why
    return inPack(where, cause)
  }

  #tell(bytes: number): void {
    this.#bytesUntold += bytes
    if (this.#bytesUntold < limits.progressStepBytes && bytes > 0) return
    this.#port.post({ kind: 'advanced', bytes: this.#bytesUntold })
    this.#bytesUntold = 0
  }
}

const damageHint =
  'Run `holdfast verify` to see what else is damaged, and restore from another repository or backup.'
/** Frames between two wanted files that are read rather than skipped by another request. */
const gapFramesMax = 4
/** So many frames are on their way: one is decompressed, the others are being written. */
const frameBuffers = 4
