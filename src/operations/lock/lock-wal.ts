/** Walks over the WAL that may have to be locked (longer), and locks what is due, in batches. */
import { limits } from '../../base/limits.ts'
import { walKey, walNameOf, walPrefix } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import type { ListRange, ObjectInfo } from '../../storage/storage.ts'
import { classifyWalFile, parseSegmentName, segmentName } from '../../wal/segment.ts'
import { pieces, rangeWith, type LockedRange, type RangeBuilder } from './lock-coverage.ts'
import { isDue } from './lock-due.ts'
import type { LockTimes } from './lock-times.ts'

export interface WalToLock {
  readonly repository: Repository
  readonly times: LockTimes
  readonly known: readonly LockedRange[]
  readonly nowMs: number
  /** Where the list of new WAL begins; undefined: all WAL is looked at. */
  readonly openFrom: { readonly timeline: number; readonly number: bigint } | undefined
}

export interface DueObject {
  readonly key: string
  /** For showing how far it is. */
  readonly sizeBytes: number
  readonly untilMs: number
}

export interface WalOutcome {
  readonly fresh: RangeBuilder
  /** Names of the history files that were seen. */
  readonly histories: Set<string>
}

/** `lock` is given what is due, a batch at a time; what it has done is known in `outcome` even when a later one fails. */
export async function lockWal(
  wal: WalToLock,
  outcome: WalOutcome,
  lock: (due: readonly DueObject[], signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let batch: JudgedFile[] = []
  const flush = async (): Promise<void> => {
    await lock(
      batch.filter(({ isDue: due }) => due),
      signal,
    )
    for (const { timeline, number, untilMs } of batch) outcome.fresh.add(timeline, number, untilMs)
    batch = []
  }
  for (const stretch of stretchesOf(wal)) {
    for await (const info of filesOf(wal.repository, stretch, signal)) {
      const judged = judge(wal, info, outcome)
      if (judged) batch.push(judged)
      if (batch.length >= limits.storageListPageKeys) await flush()
    }
  }
  await flush()
}

interface Stretch extends ListRange {
  /** Up to (and with) this segment; undefined: to the end. */
  readonly lastSegment: string | undefined
}

/** In ascending order: what is known and has to be locked longer, then what came since the last backup but one. */
function stretchesOf({ repository, times, known, nowMs, openFrom }: WalToLock): readonly Stretch[] {
  const { cluster, walSegmentSizeBytes } = repository.identity
  const prefix = walPrefix(cluster)
  if (!openFrom) return [{ prefix, lastSegment: undefined }]
  const nameOf = (timeline: number, number: bigint): string =>
    segmentName({ timeline, number }, walSegmentSizeBytes)
  const before = (timeline: number, number: bigint): string => walKey(cluster, nameOf(timeline, number), '')
  const due = known
    .flatMap(range => pieces(range, [...times.boundaries(range.timeline), openFrom.number].sort(ascending)))
    .filter(piece => !isSeenByList(piece, openFrom))
    .filter(piece => {
      const wanted = times.wal(piece.timeline, piece.first)
      return wanted !== undefined && isDue(wanted, piece.untilMs, nowMs)
    })
  return [
    ...due.map(({ timeline, first, last }) => ({
      prefix,
      after: before(timeline, first),
      lastSegment: nameOf(timeline, last),
    })),
    { prefix, after: before(openFrom.timeline, openFrom.number), lastSegment: undefined },
  ]
}

/** What lies behind the place where the list begins is listed anyway. */
function isSeenByList({ timeline, first }: LockedRange, from: { timeline: number; number: bigint }): boolean {
  return timeline > from.timeline || (timeline === from.timeline && first >= from.number)
}

const ascending = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)

async function* filesOf(
  { storage, identity }: Repository,
  { prefix, after, lastSegment }: Stretch,
  signal: AbortSignal,
): AsyncGenerator<ObjectInfo & { readonly name: string }> {
  for await (const info of storage.list({ prefix, after }, signal)) {
    const name = walNameOf(identity.cluster, info.key)
    if (name === undefined) continue
    if (lastSegment !== undefined && name.slice(0, 24) > lastSegment) return
    yield { ...info, name }
  }
}

interface JudgedFile extends DueObject {
  readonly timeline: number
  readonly number: bigint
  readonly isDue: boolean
}

function judge(
  { repository, times, known, nowMs }: WalToLock,
  { key, name, sizeBytes, modifiedMs }: ObjectInfo & { readonly name: string },
  { histories }: WalOutcome,
): JudgedFile | undefined {
  if (classifyWalFile(name)?.kind === 'history') {
    histories.add(key.slice(walPrefix(repository.identity.cluster).length))
    return undefined
  }
  const { timeline, number } = parseSegmentName(name, repository.identity.walSegmentSizeBytes)
  const wanted = times.wal(timeline, number)
  if (!wanted || wanted.untilMs <= nowMs) return undefined
  const range = rangeWith(known, timeline, number)
  const lockedUntilMs = range && modifiedMs < range.writtenBeforeMs ? range.untilMs : undefined
  const due = isDue(wanted, lockedUntilMs, nowMs)
  const untilMs = due ? wanted.untilMs : (lockedUntilMs ?? 0)
  return { key, sizeBytes, timeline, number, isDue: due, untilMs }
}
