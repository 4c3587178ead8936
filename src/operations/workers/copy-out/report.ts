/** What a copy found out about files and pages. Each worker makes a report; they are added up. */
import { limits } from '../../../base/limits.ts'
import type { Lsn } from '../../../wal/lsn.ts'
import type { CorruptPages } from '../../../repository/format/backup-record.ts'

/** How pages are checked. */
export interface PageRules {
  readonly blockSizeBytes: number
  /** Blocks in one file of a relation (the server's RELSEG_SIZE): file `.2` begins with block 2 * segmentBlocks. */
  readonly segmentBlocks: number
  /** A page changed since then may be torn: replay of the WAL writes it anew. */
  readonly startLsn: Lsn
  /** Known when a finished backup is checked: no page of it can be newer. */
  readonly stopLsn?: Lsn
}

/** A page that fails its checksum and says that it was changed after the backup's start. */
export interface RecentPage {
  readonly path: string
  readonly block: number
  readonly lsn: Lsn
}

export interface CopyOutReport {
  readonly files: number
  readonly bytes: number
  /** Were there when the directory was scanned, and gone when they were to be read. */
  readonly filesVanished: number
  /** Became shorter while they were read; what was missing is stored as zeroes, and WAL replay sets it right. */
  readonly filesShrunk: number
  readonly pagesChecked: number
  /** Failed when first read, and right when read again. */
  readonly pagesTorn: number
  readonly pagesCorrupt: number
  /** At most limits.corruptPagesListedMax pages. */
  readonly corrupt: readonly CorruptPages[]
  /** See judgeRecentPages; at most limits.corruptPagesListedMax. */
  readonly recent: readonly RecentPage[]
}

export const emptyReport: CopyOutReport = {
  files: 0,
  bytes: 0,
  filesVanished: 0,
  filesShrunk: 0,
  pagesChecked: 0,
  pagesTorn: 0,
  pagesCorrupt: 0,
  corrupt: [],
  recent: [],
}

export function addReports(a: CopyOutReport, b: CopyOutReport): CopyOutReport {
  return {
    files: a.files + b.files,
    bytes: a.bytes + b.bytes,
    filesVanished: a.filesVanished + b.filesVanished,
    filesShrunk: a.filesShrunk + b.filesShrunk,
    pagesChecked: a.pagesChecked + b.pagesChecked,
    pagesTorn: a.pagesTorn + b.pagesTorn,
    pagesCorrupt: a.pagesCorrupt + b.pagesCorrupt,
    corrupt: listed([...a.corrupt, ...b.corrupt]),
    recent: [...a.recent, ...b.recent].slice(0, limits.corruptPagesListedMax),
  }
}

/**
 * The last word on pages that failed and claimed to be newer than the backup's start. While a backup runs, the server
 * writes the whole of every page that it changes into the WAL, so replay repairs a torn one. But a page whose LSN lies after
 * the backup's end was not written by this server: its header itself is damaged, and nothing repairs it.
 */
export function judgeRecentPages(report: CopyOutReport, stopLsn: Lsn): CopyOutReport {
  const damaged = report.recent.filter(page => page.lsn > stopLsn)
  const torn = report.recent.length - damaged.length
  return {
    ...report,
    pagesTorn: report.pagesTorn + torn,
    pagesCorrupt: report.pagesCorrupt + damaged.length,
    corrupt: listed([...report.corrupt, ...damaged.map(({ path, block }) => ({ path, blocks: [block] }))]),
    recent: [],
  }
}

/** One entry a file, blocks in order, no more blocks than the limit. */
function listed(pages: readonly CorruptPages[]): readonly CorruptPages[] {
  const byPath = Map.groupBy(pages, page => page.path)
  const result: CorruptPages[] = []
  let room = limits.corruptPagesListedMax as number
  for (const [path, parts] of byPath) {
    const blocks = parts
      .flatMap(part => part.blocks)
      .toSorted((a, b) => a - b)
      .slice(0, room)
    if (blocks.length > 0) result.push({ path, blocks })
    room -= blocks.length
  }
  return result.toSorted((a, b) => (a.path < b.path ? -1 : 1))
}
