/** What a repository holds, as the decision what to remove has to know it. Looks at everything, believes no index; needs no key. */
import type { KeepReason } from '../../policy/keep-rules.ts'
import { archiveOf } from '../../policy/archive.ts'
import type { BackupFacts } from '../../policy/backup-facts.ts'
import type { DrillFacts } from '../../policy/drill-retention.ts'
import type { DumpFacts } from '../../policy/dump-retention.ts'
import { pathTo, type TimelinePath } from '../../policy/timeline-path.ts'
import { listBackupFolders, type BackupFolder } from '../../repository/backup-folders.ts'
import { knownBackups, readIndex } from '../../repository/catalog-index.ts'
import { scanDrills } from '../../repository/drill-catalog.ts'
import { readDumpIndex } from '../../repository/dump-index.ts'
import { objectsOfDump, scanDumps } from '../../repository/dump-catalog.ts'
import { summaryOf, type BackupSummary } from '../../repository/format/backup-summary.ts'
import type { ManagedRecord } from '../../repository/format/managed-json.ts'
import { awaitingName, commitName } from '../../repository/layout.ts'
import { readAllManaged } from '../../repository/managed-records.ts'
import type { Repository } from '../../repository/repository.ts'
import { dumpShelf } from '../../repository/shelf.ts'
import { readRecords } from '../../repository/stored-records.ts'
import { openWalStore } from '../../repository/wal-store.ts'
import { segmentAt, segmentBefore } from '../../wal/segment.ts'
import { parseTime } from '../../wal/time.ts'
import { drillFactsOf } from '../drill-facts.ts'
import { dumpFactsOf } from '../dump-facts.ts'
import { factsOf, readHistories } from '../wal-archive.ts'
import { isWhole, surveyStretches, type WalStretch } from './wal-survey.ts'

export interface PlaceFacts {
  readonly backups: readonly Stored<BackupFacts>[]
  /** Of the backups. */
  readonly summaries: readonly BackupSummary[]
  readonly dumps: readonly Stored<DumpFacts>[]
  readonly managed: readonly ManagedRecord[]
  readonly drills: readonly Stored<DrillFacts>[]
  /** Whose records can not be read: nothing is known of them. */
  readonly unreadable: readonly Unreadable[]
  /** Copied whole, and waiting for their WAL. */
  readonly awaiting: readonly BackupFacts[]
  /** WAL of backups about which not even that is known may be needed. */
  readonly isWalUnsure: boolean
  readonly folders: { readonly backup: readonly BackupFolder[]; readonly dump: readonly BackupFolder[] }
  readonly stretches: readonly WalStretch[]
  readonly isOriginKnown: (timeline: number) => boolean
  /** The way to each timeline, and when that was last written on, by the storage's clock. */
  readonly paths: readonly { readonly path: TimelinePath; readonly newestMs: number }[]
  /** Named by the index, and not there. */
  readonly lost: readonly string[]
}

export interface Stored<Facts> {
  readonly facts: Facts
  readonly endedAt: string
  readonly storedBytes: number
  /** Why nobody should rely on it, as a clause without a subject; undefined: it is good, as far as can be told from here. */
  readonly flaw: string | undefined
}

export interface Unreadable {
  readonly id: string
  readonly kind: 'backup' | 'dump' | 'managed'
  readonly reason: KeepReason
}

export async function readPlace(repository: Repository, signal: AbortSignal): Promise<PlaceFacts> {
  const folders = {
    backup: await Array.fromAsync(listBackupFolders(repository, signal)),
    dump: await Array.fromAsync(listBackupFolders(repository, signal, dumpShelf)),
  }
  const committed = await readSummaries(repository, folders.backup, 'committed', commitName, signal)
  const awaiting = await readSummaries(repository, folders.backup, 'awaiting', awaitingName, signal)
  const unread = [...committed.unreadable, ...awaiting.unreadable]
  const remembered = unread.length > 0 ? ((await knownBackups(repository, signal))?.entries ?? []) : []
  const known = unread.flatMap(({ id }) => remembered.find(one => one.id === id) ?? [])
  // What can not be read now may be mended from a copy, and needs its WAL then.
  const waiting = [...awaiting.summaries, ...known].map(factsOf)
  const sure = [...committed.summaries.map(({ id }) => id), ...unread.map(({ id }) => id)]
  const wal = await readWal(repository, [...committed.summaries.map(factsOf), ...waiting], signal)
  const dumps = await readDumpFacts(repository, folders.dump, signal)
  const managed = await readAllManaged(repository, signal)
  return {
    backups: committed.summaries.map(summary =>
      judged(summary, committed.counts, folders.backup, repository, wal.stretches),
    ),
    summaries: committed.summaries,
    dumps: dumps.stored,
    managed: managed.records,
    drills: await readDrillFacts(repository, signal),
    unreadable: [
      ...unread,
      ...dumps.unreadable,
      ...managed.damaged.map(({ id, fault }) => unreadableOne(id, 'managed', fault.message)),
    ],
    awaiting: waiting,
    isWalUnsure: known.length < unread.length,
    folders,
    ...wal,
    lost: await lostIds(repository, new Set([...sure, ...idsIn(folders.dump)]), signal),
  }
}

interface Summaries {
  readonly summaries: readonly BackupSummary[]
  /** Objects that each record names, itself among them. */
  readonly counts: ReadonlyMap<string, number>
  readonly unreadable: readonly Unreadable[]
}

/** In batches: whole records grow with the database. */
async function readSummaries(
  repository: Repository,
  folders: readonly BackupFolder[],
  state: BackupFolder['state'],
  name: string,
  signal: AbortSignal,
): Promise<Summaries> {
  const ids = folders.filter(folder => folder.state === state).map(({ id }) => id)
  const summaries: BackupSummary[] = []
  const counts = new Map<string, number>()
  const unreadable: Unreadable[] = []
  for (let at = 0; at < ids.length; at += recordsAtOnce) {
    const read = await readRecords(repository, ids.slice(at, at + recordsAtOnce), name, signal)
    for (const record of read.records) {
      summaries.push(summaryOf(record))
      counts.set(record.id, record.packs.length + 3)
    }
    unreadable.push(...read.damaged.map(({ id, fault }) => unreadableOne(id, 'backup', fault.message)))
  }
  return { summaries, counts, unreadable }
}

const recordsAtOnce = 16

function unreadableOne(id: string, kind: Unreadable['kind'], why: string): Unreadable {
  const text = `its record can not be read, so nobody can tell: ${why}`
  return { id, kind, reason: { rule: 'unknown', text, untilMs: undefined, isSure: false } }
}

function judged(
  summary: BackupSummary,
  counts: ReadonlyMap<string, number>,
  folders: readonly BackupFolder[],
  { identity: { walSegmentSizeBytes } }: Repository,
  stretches: readonly WalStretch[],
): Stored<BackupFacts> {
  const facts = factsOf(summary)
  const folder = folders.find(({ id }) => id === summary.id)
  const { first, last } = spanOf(facts, walSegmentSizeBytes)
  const { pagesCorrupt } = summary.checks
  const isAll =
    folder !== undefined &&
    folder.objectCount >= (counts.get(summary.id) ?? 0) &&
    folder.sizeBytes >= summary.sizes.storedBytes
  const flaw =
    pagesCorrupt > 0
      ? `holds ${String(pagesCorrupt)} damaged pages`
      : !isAll
        ? 'lacks objects that its record names'
        : isWhole(stretches, facts.timeline, first, last)
          ? undefined
          : 'lacks WAL that makes it consistent'
  return {
    facts: { ...facts, endedAt: notAfter(facts.endedAt, folder), isDamaged: flaw !== undefined },
    endedAt: summary.endedAt,
    storedBytes: summary.sizes.storedBytes,
    flaw,
  }
}

/** No backup ended after the storage says that its record was there, whatever the clock of its host was. */
function notAfter(endedAt: number, folder: BackupFolder | undefined): number {
  return folder ? Math.min(endedAt, folder.modifiedMs * 1000) : endedAt
}

function spanOf(
  { timeline, startLsn, stopLsn }: BackupFacts,
  segmentSizeBytes: number,
): { readonly first: bigint; readonly last: bigint } {
  return {
    first: segmentAt(timeline, startLsn, segmentSizeBytes).number,
    last: segmentBefore(timeline, stopLsn, segmentSizeBytes).number,
  }
}

async function readWal(
  repository: Repository,
  backups: readonly BackupFacts[],
  signal: AbortSignal,
): Promise<Pick<PlaceFacts, 'stretches' | 'isOriginKnown' | 'paths'>> {
  const { walSegmentSizeBytes } = repository.identity
  const spans = backups.map(backup => spanOf(backup, walSegmentSizeBytes))
  const boundaries = new Set(spans.flatMap(({ first, last }) => [first, last + 1n]))
  const ascending = [...boundaries].sort((a, b) => (a < b ? -1 : 1))
  const { stretches, histories: names } = await surveyStretches(repository, ascending, signal)
  const store = openWalStore(repository, { encoding: { level: 1, recipients: [] }, identities: [] })
  const files = names.map(name => ({ name, sizeBytes: 0, key: '' }))
  const histories = await readHistories(store, files, signal, { passOver: ['OBJECT_CORRUPT', 'OBJECT_COLD'] })
  const timelines = [...new Set(stretches.map(({ timeline }) => timeline))].sort((a, b) => a - b)
  const archive = archiveOf([], histories, walSegmentSizeBytes)
  return {
    stretches,
    isOriginKnown: timeline => histories.has(timeline) || timeline === timelines[0],
    paths: timelines.flatMap(timeline => {
      const path = pathTo(archive, timeline)
      const own = stretches.filter(one => one.timeline === timeline)
      return path ? [{ path, newestMs: Math.max(...own.map(({ newestMs }) => newestMs)) }] : []
    }),
  }
}

async function readDumpFacts(
  repository: Repository,
  folders: readonly BackupFolder[],
  signal: AbortSignal,
): Promise<{ readonly stored: readonly Stored<DumpFacts>[]; readonly unreadable: readonly Unreadable[] }> {
  const { dumps, damaged } = await scanDumps(repository, signal)
  const stored = dumps.map(dump => {
    const folder = folders.find(({ id }) => id === dump.id)
    const isAll =
      folder !== undefined &&
      folder.objectCount > objectsOfDump(dump).length &&
      folder.sizeBytes >= dump.sizes.storedBytes
    const flaw = isAll ? undefined : 'lacks objects that its record names'
    return {
      facts: { ...dumpFactsOf(dump), endedAt: notAfter(timeOf(dump.endedAt), folder), isDamaged: !isAll },
      endedAt: dump.endedAt,
      storedBytes: dump.sizes.storedBytes,
      flaw,
    }
  })
  return { stored, unreadable: damaged.map(({ id, fault }) => unreadableOne(id, 'dump', fault.message)) }
}

/** Damaged ones are left where they are: they are small, and tell somebody something perhaps. */
async function readDrillFacts(
  repository: Repository,
  signal: AbortSignal,
): Promise<readonly Stored<DrillFacts>[]> {
  const { drills } = await scanDrills(repository, signal)
  return drills.map(drill => ({
    facts: drillFactsOf(drill),
    endedAt: drill.endedAt,
    storedBytes: 0,
    flaw: undefined,
  }))
}

const timeOf = (text: string): number => parseTime(text) ?? 0

const idsIn = (folders: readonly BackupFolder[]): readonly string[] =>
  folders.filter(({ state }) => state === 'committed').map(({ id }) => id)

/** Left by who was cut off between deleting records and writing the index. */
async function lostIds(
  repository: Repository,
  there: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { index } = await readIndex(repository, signal)
  const { index: ofDumps } = await readDumpIndex(repository, signal)
  const named = [...(index?.entries ?? []), ...(ofDumps?.entries ?? [])].map(({ id }) => id)
  return named.filter(id => !there.has(id))
}
