/**
 * Checks the pages of a file while they lie in a frame, and tells a torn page from a corrupt one.
 *
 * The server may write a page while we read it; then half of it is old. A torn page heals: read again a moment later it is
 * whole. What fails each time is corrupt, unless its LSN says that it was changed after the backup's start: then WAL
 * replay writes it anew, provided that the LSN is true (see judgeRecentPages). A page that healed replaces what was read first.
 */
import { limits } from '../../../base/limits.ts'
import type { Clock } from '../../../base/world.ts'
import { pageLsn, type PageChecker } from '../../../pipeline/page-checksum.ts'
import { firstBlockOf, type RelationFile } from '../../../postgres/data-directory/relation-file.ts'
import type { PageRules, RecentPage } from './report.ts'

/** Reads the bytes at `atBytes` of the file again; returns how many there were. */
export type Reread = (into: Uint8Array, atBytes: number) => number

export interface PageFindings {
  pagesChecked: number
  pagesTorn: number
  pagesCorrupt: number
  readonly corrupt: { path: string; blocks: number[] }[]
  readonly recent: RecentPage[]
}

interface CheckedFile {
  readonly path: string
  /** Of the relation, where the file begins. */
  readonly firstBlock: number
  readonly reread: Reread
  corruptBlocks: number
}

export class PageVerifier {
  readonly findings: PageFindings = {
    pagesChecked: 0,
    pagesTorn: 0,
    pagesCorrupt: 0,
    corrupt: [],
    recent: [],
  }
  readonly #checker: PageChecker
  readonly #rules: PageRules
  readonly #clock: Clock
  #file: CheckedFile | undefined
  #listed = 0

  constructor(checker: PageChecker, rules: PageRules, clock: Clock) {
    this.#checker = checker
    this.#rules = rules
    this.#clock = clock
  }

  beginFile(path: string, file: RelationFile, reread: Reread): void {
    this.#file = { path, firstBlock: firstBlockOf(file, this.#rules.segmentBlocks), reread, corruptBlocks: 0 }
  }

  /** Checks the whole pages of `slice`, which lies in one of the checker's buffers and is the file's bytes from `atBytes` on. */
  async check(slice: Uint8Array, atBytes: number, signal: AbortSignal): Promise<void> {
    const { blockSizeBytes } = this.#rules
    const file = this.#file
    if (!file) throw new Error('assertion failed: a file was begun')
    const pages = slice.subarray(0, slice.length - (slice.length % blockSizeBytes))
    const block = atBytes / blockSizeBytes
    this.findings.pagesChecked += pages.length / blockSizeBytes
    const failed = this.#checker.failures(pages, blockSizeBytes, file.firstBlock + block)
    if (failed.length > 0) await this.#judge(file, pages, block, failed, signal)
  }

  /** `failed` are indexes of pages within `pages`; `block` is the file's block that the first of them is. */
  async #judge(
    file: CheckedFile,
    pages: Uint8Array,
    block: number,
    failed: readonly number[],
    signal: AbortSignal,
  ): Promise<void> {
    let left = failed
    for (let attempt = 0; attempt < limits.pageRereads && left.length > 0; attempt++) {
      if (file.corruptBlocks > limits.pageRereadsFileMax) break
      await this.#clock.sleep(limits.pageRereadPauseMs, signal)
      left = left.filter(index => !this.#heals(file, this.#page(pages, index), block + index))
    }
    this.findings.pagesTorn += failed.length - left.length
    for (const index of left) this.#record(file, this.#page(pages, index), block + index)
  }

  /** Reads a page again, over what was read before, and says whether it is right now. */
  #heals(file: CheckedFile, page: Uint8Array, block: number): boolean {
    const got = file.reread(page, block * page.length)
    // The file was truncated meanwhile: the page is gone from the cluster.
    if (got < page.length) page.fill(0)
    return this.#checker.failures(page, page.length, file.firstBlock + block).length === 0
  }

  #record(file: CheckedFile, page: Uint8Array, block: number): void {
    const lsn = pageLsn(page)
    if (lsn >= this.#rules.startLsn && this.findings.recent.length < limits.corruptPagesListedMax) {
      this.findings.recent.push({ path: file.path, block, lsn })
      return
    }
    this.findings.pagesCorrupt++
    file.corruptBlocks++
    if (this.#listed++ >= limits.corruptPagesListedMax) return
    const { corrupt } = this.findings
    const last = corrupt[corrupt.length - 1]
    if (last?.path === file.path) last.blocks.push(block)
    else corrupt.push({ path: file.path, blocks: [block] })
  }

  #page(pages: Uint8Array, index: number): Uint8Array {
    const { blockSizeBytes } = this.#rules
    return pages.subarray(index * blockSizeBytes, (index + 1) * blockSizeBytes)
  }
}
