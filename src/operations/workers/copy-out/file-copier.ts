/** Copies files of the data directory into packs: reads, checks pages, sums, and takes down where each file lies. */
import { limits } from '../../../base/limits.ts'
import type { Rates } from '../../../base/rates.ts'
import { crc32c } from '../../../pipeline/crc32c.ts'
import type { PackWriter } from '../../../repository/packs/pack-writer.ts'
import { relationFileAt } from '../../../postgres/data-directory/relation-file.ts'
import type { PackSeries } from './pack-series.ts'
import type { PageVerifier } from './page-verifier.ts'
import { emptyReport, type CopyOutReport } from './report.ts'
import { closeSource, openSource, readSource, readSourceAhead, type SourceFile } from './source-file.ts'

export interface FileCopierOptions {
  readonly dataDirectory: string
  readonly series: PackSeries
  /** Undefined: the cluster has no data checksums. */
  readonly pages: PageVerifier | undefined
  readonly onProgress: (bytes: number) => void
  readonly rates?: Rates | undefined
}

export class FileCopier {
  readonly #options: FileCopierOptions
  #files = 0
  #bytes = 0
  #filesVanished = 0
  #filesShrunk = 0
  #bytesUntold = 0

  constructor(options: FileCopierOptions) {
    this.#options = options
  }

  /** `path` is relative to the data directory. False when the file is gone, which is counted and is no error. */
  async copy(path: string, signal: AbortSignal): Promise<boolean> {
    const { dataDirectory, series } = this.#options
    const source = openSource(`${dataDirectory}/${path}`)
    if (!source) {
      this.#filesVanished++
      return false
    }
    try {
      const { sizeBytes, modifiedMs, mode, userId, groupId } = source
      const pack = await series.writer(signal)
      const offsetBytes = await pack.beginEntry({
        kind: 'file',
        path,
        sizeBytes,
        modifiedMs,
        mode,
        userId,
        groupId,
      })
      const crc = await this.#copyBytes(path, source, pack, signal)
      await pack.endEntry()
      await series.record({ path, sizeBytes, modifiedMs, mode, crc32c: crc, offsetBytes })
    } finally {
      closeSource(source)
    }
    this.#files++
    this.#bytes += source.sizeBytes
    return true
  }

  report(): CopyOutReport {
    this.#options.onProgress(this.#bytesUntold)
    this.#bytesUntold = 0
    return {
      ...emptyReport,
      files: this.#files,
      bytes: this.#bytes,
      filesVanished: this.#filesVanished,
      filesShrunk: this.#filesShrunk,
      ...this.#options.pages?.findings,
    }
  }

  /** Copies as many bytes as the file had when it was opened; returns their checksum. */
  async #copyBytes(path: string, source: SourceFile, pack: PackWriter, signal: AbortSignal): Promise<number> {
    const verifier = this.#verifierFor(path, source)
    const { rates } = this.#options
    const readAhead = async (into: Uint8Array, atBytes: number): Promise<number> => {
      await rates?.take('read', into.length, signal)
      return readSourceAhead(source, into, atBytes)
    }
    let crc = 0
    let shrunk = false
    let ahead: Promise<number> | undefined
    try {
      for (let atBytes = 0; atBytes < source.sizeBytes;) {
        const room = pack.room()
        if (!ahead) await rates?.take('read', room.length, signal)
        const got = ahead ? await ahead : readSource(source, room, atBytes)
        // While this slice is compressed, the next is read.
        const next = pack.roomAhead()
        ahead = next.length > 0 ? readAhead(next, atBytes + room.length) : undefined
        ahead?.catch(() => undefined)
        if (got < room.length) {
          room.fill(0, got)
          shrunk = true
        }
        await verifier?.check(room.subarray(0, got), atBytes, signal)
        crc = crc32c(room, crc)
        atBytes += room.length
        this.#told(room.length)
        await pack.advance(room.length)
        signal.throwIfAborted()
      }
    } finally {
      // The file must not be closed while it is read.
      await ahead?.catch(() => undefined)
    }
    if (shrunk) this.#filesShrunk++
    return crc
  }

  #verifierFor(path: string, source: SourceFile): PageVerifier | undefined {
    const { pages } = this.#options
    const file = pages && relationFileAt(path)
    if (!file) return undefined
    pages.beginFile(path, file, (into, atBytes) => readSource(source, into, atBytes))
    return pages
  }

  #told(bytes: number): void {
    this.#bytesUntold += bytes
    if (this.#bytesUntold < limits.progressStepBytes) return
    this.#options.onProgress(this.#bytesUntold)
    this.#bytesUntold = 0
  }
}
