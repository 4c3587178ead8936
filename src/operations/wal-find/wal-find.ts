/**
 * `wal find`: what happened to a table, and when. Reads the archived WAL backwards, backup by backup: from the newest on,
 * and from the one before it to there, until something is found that took the table away, or the time asked for is passed.
 */
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Progress } from '../../base/progress.ts'
import type { World } from '../../base/world.ts'
import { ownSegments, waysFor, withReach, type Way } from '../../policy/candidates.ts'
import { openBackupCatalogues } from '../catalogues/backup-catalogues.ts'
import { openArchiveView, type ArchiveView } from '../archive-view.ts'
import type { UnitedCatalog } from '../sources/catalog.ts'
import { readCopies } from '../sources/catalog.ts'
import type { TroubleLog } from '../sources/trouble.ts'
import type { ReadableWal } from '../sources/wal.ts'
import { factsOf } from '../wal-archive.ts'
import { isLoss, type FindReport, type FindRequest, type UnknownName } from './report.ts'
import { searchSpan, type SpanResult } from './search-span.ts'

export interface WalFindDeps {
  readonly world: World
  readonly progress: Progress
  /** The entry of a worker thread. */
  readonly worker: URL
  readonly backups: UnitedCatalog['backups']
  readonly wal: ReadableWal
  readonly walSegmentSizeBytes: number
  readonly troubles: TroubleLog
}

export async function walFind(
  deps: WalFindDeps,
  request: FindRequest,
  signal: AbortSignal,
): Promise<FindReport> {
  const facts = deps.backups.map(({ summary }) => factsOf(summary))
  const view = await openArchiveView(deps.wal, deps.walSegmentSizeBytes, signal, {
    passOver: ['OBJECT_CORRUPT'],
  })
  const choice = { timeline: 'latest' as const, backupId: request.backupId }
  const { ways, rejected } = waysFor(facts, view.archive(), choice)
  const passedOver = [...rejected]
  const results: SpanResult[] = []
  let until: bigint | undefined
  for (const [i, way] of ways.entries()) {
    const isOldest = i === ways.length - 1
    if (!isOldest && request.to !== undefined && way.backup.endedAt > request.to) continue
    const result = await searchFrom(deps, { way, view, until }, request, signal)
    if ('why' in result) {
      passedOver.push(result)
      continue
    }
    results.unshift(result)
    until = ownSegments(way.backup, deps.walSegmentSizeBytes).first
    if (isEnough(results, way, request)) break
  }
  if (results.length === 0) throw nothingToRead(passedOver, request.backupId)
  return {
    findings: results.flatMap(({ findings }) => findings),
    transactions: results.flatMap(({ transactions }) => transactions),
    transactionsFound: results.reduce((sum, { transactionsFound }) => sum + transactionsFound, 0),
    spans: results.map(({ span }) => span),
    passedOver,
    unknown: unknownInAll(results),
    databases: [...new Set(results.flatMap(({ databases }) => databases))].toSorted(),
  }
}

function isEnough(results: readonly SpanResult[], { backup }: Way, request: FindRequest): boolean {
  const { from, backupId } = request
  if (backupId !== undefined) return true
  if (from !== undefined) return backup.startedAt <= from
  // What was not there any more at the newest backup may have gone before it.
  return unknownInAll(results).length === 0 && results.some(({ findings }) => findings.some(isLoss))
}

/** What none of the catalogues has. */
function unknownInAll(results: readonly SpanResult[]): readonly UnknownName[] {
  const [first, ...others] = results.map(({ unknown }) => unknown)
  return (first ?? []).flatMap(({ pattern, near }) => {
    const same = others.map(unknown => unknown.find(one => one.pattern === pattern))
    if (same.includes(undefined)) return []
    const all = [near, ...same.map(one => one?.near ?? [])].flat()
    return [{ pattern, near: [...new Set(all)].slice(0, limits.walFindNearMax) }]
  })
}

async function searchFrom(
  deps: WalFindDeps,
  { way, view, until }: { way: Way; view: ArchiveView; until: bigint | undefined },
  request: FindRequest,
  signal: AbortSignal,
): Promise<SpanResult | { readonly id: string; readonly why: string }> {
  const { world, progress, worker, troubles, wal } = deps
  const { id, kind } = way.backup
  if (kind !== 'full')
    return {
      id,
      why: `is ${kind === 'snapshot' ? 'a snapshot' : 'incremental'}: its catalogues do not lie whole in the repository`,
    }
  const known = deps.backups.find(({ summary }) => summary.id === id)
  if (!known) return { id, why: 'is gone' }
  const { first } = ownSegments(way.backup, deps.walSegmentSizeBytes)
  await view.lookAlong(way.path, first, undefined)
  const candidate = withReach(way, view.archive())
  if ('why' in candidate) return candidate
  progress.phase(`reading the catalogues of ${id}`)
  const copies = await readCopies(known, troubles, signal)
  const [copy] = copies
  if (!copy) return { id, why: 'is gone' }
  const backup = { world, progress, worker, troubles, copies }
  await using catalogues = await openBackupCatalogues(backup, ['namespace'], signal)
  return await searchSpan(
    { wal, progress, catalogues, record: copy.record, candidate, until },
    request,
    signal,
  )
}

function nothingToRead(
  passedOver: readonly { readonly id: string; readonly why: string }[],
  backupId: string | undefined,
): Fault {
  const reasons = passedOver.map(({ id, why }) => `${id} ${why}`).join('; ')
  return new Fault(
    'BACKUP_NOT_FOUND',
    `there is no full backup${backupId === undefined ? '' : ` ${backupId}`} with the WAL after it to read${reasons === '' ? '' : `: ${reasons}`}`,
    {
      hint: 'The names of tables come from the catalogues of a full backup: run `holdfast list` to see what there is.',
    },
  )
}
