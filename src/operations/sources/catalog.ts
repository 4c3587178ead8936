/**
 * The catalogues of several repositories as one: each backup once, with the repositories that hold it.
 *
 * A backup is the same in two repositories when it has the same id, and began at the same point of the same cluster.
 * Each repository has its own record of it: a copy may be sealed to others, and has other sizes and hashes then.
 */
import type { Fault } from '../../base/fault.ts'
import { readBackup, readBackups, readCatalog, scanCatalog, type Catalog } from '../../repository/catalog.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import type { BackupSummary } from '../../repository/format/backup-summary.ts'
import { parseLsn } from '../../wal/lsn.ts'
import type { BackupCopy, ClosedSource, Source } from './source.ts'
import { isRepositoryTrouble, nowhere, type TroubleLog } from './trouble.ts'

export interface KnownBackup<Summary extends BackupSummary = BackupSummary> {
  /** As the first of the repositories has it. */
  readonly summary: Summary
  /** Those that hold it, in the order in which they are read. Never empty. */
  readonly sources: readonly Source[]
}

interface At<T> {
  readonly repository: string
  readonly what: T
}

export interface UnitedCatalog {
  /** Ordered by system identifier, timeline, and start LSN. */
  readonly backups: readonly KnownBackup[]
  readonly awaiting: readonly At<Catalog['awaiting'][number]>[]
  readonly damaged: readonly At<Catalog['damaged'][number]>[]
  readonly incomplete: readonly At<Catalog['incomplete'][number]>[]
  /** Ids that mean another backup in this repository than in those before it. */
  readonly conflicts: readonly At<string>[]
  /** Repositories whose catalogue could not be read. */
  readonly closed: readonly ClosedSource[]
}

/** Fails when no catalogue can be read. */
export async function readCatalogs(
  sources: readonly Source[],
  { full }: { readonly full: boolean },
  signal: AbortSignal,
): Promise<UnitedCatalog> {
  const read: { source: Source; catalog: Catalog }[] = []
  const closed: ClosedSource[] = []
  const outcomes = await Promise.all(sources.map(source => readOne(source, full, signal)))
  outcomes.forEach((outcome, i) => {
    const source = sources[i]
    if (!source) return
    if ('catalog' in outcome) read.push({ source, catalog: outcome.catalog })
    else closed.push({ name: source.name, fault: outcome.fault })
  })
  if (read.length === 0)
    throw nowhere(
      'its catalogue',
      closed.map(({ name, fault }) => ({ repository: name, fault })),
      sources.length,
    )
  return { ...unite(read), closed }
}

async function readOne(
  { repository }: Source,
  full: boolean,
  signal: AbortSignal,
): Promise<{ readonly catalog: Catalog } | { readonly fault: Fault }> {
  try {
    return { catalog: await (full ? scanCatalog : readCatalog)(repository, signal) }
  } catch (error) {
    if (isRepositoryTrouble(error)) return { fault: error }
    throw error
  }
}

/** Decides only. */
export function unite(
  read: readonly { readonly source: Source; readonly catalog: Catalog }[],
): Omit<UnitedCatalog, 'closed'> {
  const backups = new Map<string, { summary: BackupSummary; sources: Source[] }>()
  const conflicts: At<string>[] = []
  for (const { source, catalog } of read) {
    for (const summary of catalog.backups) {
      const known = backups.get(summary.id)
      if (!known) backups.set(summary.id, { summary, sources: [source] })
      else if (isSame(known.summary, summary)) known.sources.push(source)
      else conflicts.push({ repository: source.name, what: summary.id })
    }
  }
  const all = <K extends 'awaiting' | 'damaged' | 'incomplete'>(kind: K): readonly At<Catalog[K][number]>[] =>
    read.flatMap(({ source, catalog }) => catalog[kind].map(what => ({ repository: source.name, what })))
  return {
    backups: [...backups.values()].toSorted((a, b) => inOrder(a.summary, b.summary)),
    awaiting: all('awaiting'),
    damaged: all('damaged'),
    incomplete: all('incomplete'),
    conflicts,
  }
}

type Identity = Pick<BackupSummary, 'id' | 'systemIdentifier' | 'startLsn' | 'kind'>

function isSame(a: Identity, b: Identity): boolean {
  return (
    a.id === b.id &&
    a.systemIdentifier === b.systemIdentifier &&
    a.startLsn === b.startLsn &&
    a.kind === b.kind
  )
}

/** A record, and where it is, as `--json` prints it. */
export type PlacedRecord = BackupRecord & { readonly repositories: readonly string[] }

/** Whole records, each from the first repository that holds it; those that are gone or damaged are left out. */
export async function readRecordsOf(
  backups: readonly KnownBackup[],
  signal: AbortSignal,
): Promise<readonly PlacedRecord[]> {
  const byFirst = Map.groupBy(backups, ({ sources }) => sources[0])
  const read = await Promise.all(
    Array.from(byFirst, async ([source, known]) =>
      source
        ? readBackups(
            source.repository,
            known.map(({ summary }) => summary.id),
            signal,
          )
        : [],
    ),
  )
  const records = new Map(read.flat().map(record => [record.id, record]))
  return backups.flatMap(({ summary, sources }) => {
    const record = records.get(summary.id)
    return record ? [{ ...record, repositories: sources.map(({ name }) => name) }] : []
  })
}

/** The records of one backup in all repositories that hold it. One that can not be read is passed over, and told. */
export async function readCopies(
  { summary, sources }: KnownBackup,
  troubles: TroubleLog,
  signal: AbortSignal,
): Promise<readonly BackupCopy[]> {
  const copies: BackupCopy[] = []
  const failures: { repository: string; fault: Fault }[] = []
  await Promise.all(
    sources.map(async source => {
      try {
        copies.push({ source, record: await readBackup(source.repository, summary.id, signal) })
      } catch (error) {
        if (!isRepositoryTrouble(error)) throw error
        failures.push({ repository: source.name, fault: error })
      }
    }),
  )
  if (copies.length === 0) throw nowhere(`backup ${summary.id}`, failures, sources.length)
  const ordered = copies.toSorted((a, b) => sources.indexOf(a.source) - sources.indexOf(b.source))
  for (const { repository, fault } of failures) {
    const { code, message } = fault
    troubles.add({ repository, object: undefined, code, message, instead: ordered[0]?.source.name })
  }
  return ordered
}

function inOrder(a: BackupSummary, b: BackupSummary): number {
  return (
    compare(BigInt(a.systemIdentifier), BigInt(b.systemIdentifier)) ||
    compare(a.timeline, b.timeline) ||
    compare(parseLsn(a.startLsn) ?? 0n, parseLsn(b.startLsn) ?? 0n) ||
    compare(a.startedAt, b.startedAt)
  )
}

const compare = <T extends bigint | number | string>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0)
