/**
 * Walks through the raw tar stream of a pack, frame by frame, along the manifest: sums each file, checks its pages, and the
 * headers between files. What is damaged is told with the file that it hits, and the walk goes on behind it: where
 * files lie is known from the manifest, so nothing is lost but what the damaged frame held.
 */
import { limits } from '../../../base/limits.ts'
import { crc32c, formatCrc32c } from '../../../pipeline/crc32c.ts'
import { pageLsn, type PageChecker } from '../../../pipeline/page-checksum.ts'
import type { ManifestFile } from '../../../repository/format/manifest.ts'
import type { RawFrame } from '../../../repository/packs/frame-stream.ts'
import { firstBlockOf, relationFileAt } from '../../../postgres/data-directory/relation-file.ts'
import type { PageRules } from '../copy-out/report.ts'
import { checkTarGap } from './tar-gap.ts'

export interface WalkFindings {
  files: number
  bytes: number
  pagesChecked: number
  readonly corrupt: { path: string; blocks: number[] }[]
  readonly damage: { path?: string; message: string }[]
}

export interface PageCheck {
  readonly checker: PageChecker
  readonly rules: PageRules
}

export class PackWalk {
  readonly findings: WalkFindings = { files: 0, bytes: 0, pagesChecked: 0, corrupt: [], damage: [] }
  readonly #files: Iterator<ManifestFile, void>
  readonly #pages: PageCheck | undefined
  #before: ManifestFile | undefined
  #current: ManifestFile | undefined
  /** What stands between two files, until it is whole; undefined when part of it is lost. */
  #gap: Uint8Array[] | undefined = []
  #crc = 0
  #damage: string | undefined
  #blocks: number[] = []

  constructor(files: Iterator<ManifestFile, void>, pages: PageCheck | undefined) {
    this.#files = files
    this.#pages = pages
    this.#current = this.#nextFile()
  }

  /** Takes the next frame. */
  take({ frame, bytes, damage }: RawFrame): void {
    const end = frame.rawOffsetBytes + frame.rawBytes
    for (let at = frame.rawOffsetBytes; at < end;) {
      const file = this.#current
      const stop = Math.min(
        end,
        file ? (at < file.offsetBytes ? file.offsetBytes : file.offsetBytes + file.sizeBytes) : end,
      )
      const part = bytes?.subarray(at - frame.rawOffsetBytes, stop - frame.rawOffsetBytes)
      if (!file || at < file.offsetBytes) this.#takeGap(part, damage?.message)
      else this.#takeData(file, part, at - file.offsetBytes, damage?.message)
      at = stop
      this.#endFiles(at)
    }
  }

  /** After the last frame. */
  end(rawBytes: number): void {
    for (; this.#current; this.#current = this.#nextFile()) {
      const lack = this.#current.offsetBytes + this.#current.sizeBytes - rawBytes
      this.findings.damage.push({
        path: this.#current.path,
        message: `the pack ends ${String(lack)} bytes before its end`,
      })
      this.#gap = undefined
    }
    const wrong = this.#gap && checkTarGap(Buffer.concat(this.#gap), this.#before, undefined)
    if (wrong !== undefined) this.findings.damage.push({ message: wrong })
  }

  #takeGap(part: Uint8Array | undefined, damage: string | undefined): void {
    if (part) this.#gap?.push(Uint8Array.from(part))
    else this.#gap = undefined
    this.#damage ??= damage
  }

  #takeData(
    file: ManifestFile,
    part: Uint8Array | undefined,
    atBytes: number,
    damage: string | undefined,
  ): void {
    if (atBytes === 0) this.#beginFile(file)
    this.#damage ??= damage
    if (!part) return
    this.#crc = crc32c(part, this.#crc)
    this.#checkPages(file, part, atBytes)
  }

  #beginFile(file: ManifestFile): void {
    const wrong = this.#gap && checkTarGap(Buffer.concat(this.#gap), this.#before, file)
    this.#damage ??= wrong
    this.#crc = 0
    this.#blocks = []
  }

  /** Ends the current file when all of it has come by; empty files right behind it, too. */
  #endFiles(atBytes: number): void {
    for (
      let file = this.#current;
      file && atBytes >= file.offsetBytes + file.sizeBytes;
      file = this.#current
    ) {
      if (file.sizeBytes === 0) {
        if (atBytes < file.offsetBytes) return
        this.#beginFile(file)
      }
      this.#endFile(file)
      this.#before = file
      this.#gap = []
      this.#damage = undefined
      this.#current = this.#nextFile()
    }
  }

  #endFile(file: ManifestFile): void {
    this.findings.files++
    this.findings.bytes += file.sizeBytes
    if (this.#damage === undefined && this.#crc !== file.crc32c) {
      this.#damage = `its CRC-32C is ${formatCrc32c(this.#crc)} instead of ${formatCrc32c(file.crc32c)}`
    }
    if (this.#damage !== undefined) this.findings.damage.push({ path: file.path, message: this.#damage })
    else if (this.#blocks.length > 0) this.findings.corrupt.push({ path: file.path, blocks: this.#blocks })
  }

  #checkPages(file: ManifestFile, part: Uint8Array, atBytes: number): void {
    const relation = this.#pages && relationFileAt(file.path)
    if (!this.#pages || !relation) return
    const { checker, rules } = this.#pages
    const pageBytes = rules.blockSizeBytes
    const pages = part.subarray(0, part.length - (part.length % pageBytes))
    const block = atBytes / pageBytes
    this.findings.pagesChecked += pages.length / pageBytes
    for (const index of checker.failures(
      pages,
      pageBytes,
      firstBlockOf(relation, rules.segmentBlocks) + block,
    )) {
      const lsn = pageLsn(pages.subarray(index * pageBytes))
      // Changed while the backup ran, and perhaps torn: WAL replay writes it anew.
      const isRepaired = lsn >= rules.startLsn && (rules.stopLsn === undefined || lsn <= rules.stopLsn)
      if (!isRepaired && this.#blocks.length < limits.corruptPagesListedMax) this.#blocks.push(block + index)
    }
  }

  /** Files that the manifest places over others are damage, too, and would lead the walk astray. */
  #nextFile(): ManifestFile | undefined {
    const before = this.#before
    const startBytes = before ? before.offsetBytes + before.sizeBytes : 0
    for (let next = this.#files.next(); next.done !== true; next = this.#files.next()) {
      if (next.value.offsetBytes >= startBytes) return next.value
      this.findings.damage.push({
        path: next.value.path,
        message: 'the manifest places it over another file',
      })
    }
    return undefined
  }
}
