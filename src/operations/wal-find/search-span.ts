/** Reads the WAL from a backup's start on, with that backup's catalogues, and collects what is worth telling. */
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Progress } from '../../base/progress.ts'
import { crc32c } from '../../pipeline/crc32c.ts'
import type { Candidate } from '../../policy/candidates.ts'
import { nameOnPath } from '../../policy/timeline-path.ts'
import { newReadState, readRecords } from '../../postgres/wal-records/read-records.ts'
import { Catalogues, type CatalogueFile } from '../../postgres/table-history/catalogues.ts'
import type { CommittedTransaction } from '../../postgres/table-history/events.ts'
import { isOfInterest, TableHistory } from '../../postgres/table-history/table-history.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import type { WalStore } from '../../repository/wal-store.ts'
import type { Micros } from '../../wal/time.ts'
import type { BackupCatalogues } from '../catalogues/backup-catalogues.ts'
import { rangeOf } from '../resolve-target/segments.ts'
import { findingsOf, isWithin } from './choose.ts'
import { KnownNames } from './known-names.ts'
import type { FindRequest, Finding, SearchedSpan, UnknownName } from './report.ts'

export interface SpanDeps {
  readonly wal: Pick<WalStore, 'get'>
  readonly progress: Progress
  readonly catalogues: BackupCatalogues
  readonly record: BackupRecord
  readonly candidate: Candidate
  /** The segment with which a newer backup begins, that has been searched already. */
  readonly until: bigint | undefined
}

export interface SpanResult {
  readonly findings: readonly Finding[]
  readonly transactions: readonly CommittedTransaction[]
  readonly transactionsFound: number
  readonly span: SearchedSpan
  /** By the catalogues of this span. */
  readonly unknown: readonly UnknownName[]
  readonly databases: readonly string[]
}

export async function searchSpan(
  deps: SpanDeps,
  request: FindRequest,
  signal: AbortSignal,
): Promise<SpanResult> {
  const files: CatalogueFile[] = []
  for (let attempt = 0; attempt <= limits.walFindCatalogueMovesMax; attempt++) {
    const catalogues = await load(deps, files)
    const result = await readSpan(deps, request, catalogues, signal)
    if (!catalogues.missed) return result
    // A catalogue went to a file that was filled before anybody knew what it was for: now it is known.
    files.push(catalogues.missed)
    deps.progress.note('a catalogue was moved to another file (VACUUM FULL): the WAL is read once more')
  }
  throw new Fault('FAILED', 'the catalogues were moved to other files too often to follow them', {
    hint: 'Begin with a later backup: --backup ID.',
  })
}

async function load({ catalogues, record }: SpanDeps, later: readonly CatalogueFile[]): Promise<Catalogues> {
  const { versionNumber, blockSizeBytes } = record.postgres
  const loaded = new Catalogues({
    postgresMajor: Math.floor(versionNumber / 10_000),
    pageSizeBytes: blockSizeBytes,
  })
  for (const part of catalogues.parts) {
    const { name: kind } = part
    if (kind === 'index' || kind === 'inherits') continue
    loaded.follow({ ...part, kind }, [{ bytes: await catalogues.read(part), firstBlock: part.firstBlock }])
  }
  for (const file of later) loaded.follow(file, [])
  loaded.begin()
  return loaded
}

async function readSpan(
  deps: SpanDeps,
  request: FindRequest,
  catalogues: Catalogues,
  signal: AbortSignal,
): Promise<SpanResult> {
  const { candidate, record, progress, until } = deps
  const { walSegmentSizeBytes } = record.postgres
  const { startLsn } = candidate.backup
  const { first, last } = rangeOf(candidate, walSegmentSizeBytes)
  const history = new TableHistory(catalogues)
  const state = newReadState(isOfInterest, crc32c)
  const found = new Collector(request, catalogues)
  let number = first
  let toLsn = startLsn
  progress.phase('reading WAL', Number((until ?? last + 1n) - first) * walSegmentSizeBytes)
  for await (const segment of segmentsOf(deps, first, last, signal)) {
    for (const each of readRecords(segment, state)) {
      if (each.startLsn < startLsn) continue
      toLsn = each.endLsn
      const transaction = history.take(each)
      if (transaction) found.add(transaction)
      if (catalogues.missed) return found.result(deps, toLsn, 0, undefined)
    }
    number++
    progress.advance(walSegmentSizeBytes)
    if (state.trouble !== undefined || found.isPast) break
    if (until !== undefined && number >= until && !goesOn(history, number - until)) break
  }
  const isEnd = number > last || (state.trouble?.startsWith('the WAL ends') ?? true)
  return found.result(deps, toLsn, Number(number - first), isEnd ? undefined : state.trouble)
}

/** What a transaction began before a newer backup may end after its start. */
function goesOn(history: TableHistory, segmentsBeyond: bigint): boolean {
  return history.isAmidst && segmentsBeyond < limits.walFindBeyondSegmentsMax
}

/** The next one is fetched while one is read. */
async function* segmentsOf(
  { wal, candidate, record }: SpanDeps,
  first: bigint,
  last: bigint,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  const fetch = async (number: bigint): Promise<Uint8Array> => {
    const plain = nameOnPath(candidate.path, number, record.postgres.walSegmentSizeBytes)
    const name = number === candidate.reach.partial ? `${plain}.partial` : plain
    const bytes = await wal.get(name, signal)
    if (bytes) return bytes
    throw new Fault('OBJECT_MISSING', `${name} was listed in the repository and is gone`, {
      hint: 'Find out what deletes from the repository, then try again.',
    })
  }
  const ahead = (number: bigint): Promise<Uint8Array> | undefined => {
    if (number > last) return undefined
    const fetched = fetch(number)
    fetched.catch(() => undefined)
    return fetched
  }
  let next = ahead(first)
  for (let number = first; next; number++) {
    const bytes = await next
    next = ahead(number + 1n)
    yield bytes
  }
}

class Collector {
  readonly #request: FindRequest
  readonly #catalogues: Catalogues
  readonly #names: KnownNames
  readonly #findings: Finding[] = []
  readonly #transactions: CommittedTransaction[] = []
  #found = 0
  #commits = 0
  #lastCommit: Micros | undefined

  constructor(request: FindRequest, catalogues: Catalogues) {
    this.#request = request
    this.#catalogues = catalogues
    this.#names = new KnownNames(request, catalogues)
  }

  /** Commits are written nearly in the order of their times. */
  get isPast(): boolean {
    const { to } = this.#request
    return to !== undefined && (this.#lastCommit ?? 0) > to + limits.walFindDisorderMicrosMax
  }

  add(transaction: CommittedTransaction): void {
    this.#commits++
    this.#lastCommit = Math.max(this.#lastCommit ?? 0, transaction.time)
    const { tables, schemas } = this.#request
    const findings = findingsOf(transaction, this.#request, (pattern, { oid }) =>
      this.#names.isKnown(pattern, oid),
    )
    if (this.#findings.length < limits.walFindListedMax) this.#findings.push(...findings)
    if (tables.length + schemas.length > 0 || !isWithin(transaction, this.#request)) return
    this.#found++
    if (this.#transactions.length < limits.walFindListedMax) this.#transactions.push(transaction)
  }

  result({ candidate }: SpanDeps, toLsn: bigint, segments: number, trouble: string | undefined): SpanResult {
    const { id, startLsn: fromLsn } = candidate.backup
    const span = { backup: id, fromLsn, toLsn, segments, commits: this.#commits, trouble }
    return {
      findings: this.#findings,
      transactions: this.#transactions,
      transactionsFound: this.#found,
      span: { ...span, lastCommit: this.#lastCommit },
      unknown: this.#names.unknown(this.#findings),
      databases: this.#catalogues.databaseNames.flatMap(({ name }) => name ?? []),
    }
  }
}
