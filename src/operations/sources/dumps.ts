/** The dumps of several repositories as one list: each dump once, with the repositories that hold it. */
import type { Fault } from '../../base/fault.ts'
import { readDump, readDumps, scanDumps } from '../../repository/dump-catalog.ts'
import type { DumpRecord } from '../../repository/format/dump-record.ts'
import type { DumpSummary } from '../../repository/format/dump-summary.ts'
import { dumpFolder } from '../../repository/layout.ts'
import { readDumpRecords } from '../../repository/stored-dumps.ts'
import type { ClosedSource, Source } from './source.ts'
import { isRepositoryTrouble, nowhere, type TroubleLog } from './trouble.ts'

/** A dump as one repository holds it: a copy may be sealed to others, and has other sizes and hashes then. */
export interface DumpCopy {
  readonly source: Source
  readonly record: DumpRecord
}

/** What is needed to read its objects. */
export interface PlacedDump {
  readonly source: Pick<Source, 'repository' | 'identities'>
  readonly record: DumpRecord
}

export interface KnownDump {
  readonly id: string
  /** As the first of the repositories has it. */
  readonly summary: DumpSummary
  /** Those that hold it, in the order in which they are read. */
  readonly sources: readonly [Source, ...Source[]]
}

interface At<T> {
  readonly repository: string
  readonly what: T
}

export interface UnitedDumps {
  /** Oldest first. */
  readonly dumps: readonly KnownDump[]
  readonly damaged: readonly At<{ readonly id: string; readonly fault: Fault }>[]
  readonly incomplete: readonly At<{ readonly id: string }>[]
  /** Repositories whose dumps could not be read. */
  readonly closed: readonly ClosedSource[]
}

/** By their indexes; `full`: by looking at everything. */
export async function readAllDumps(
  sources: readonly Source[],
  signal: AbortSignal,
  { full }: { readonly full: boolean } = { full: false },
): Promise<UnitedDumps> {
  const closed: ClosedSource[] = []
  const read = await Promise.all(
    sources.map(async source => {
      try {
        return { source, catalog: await (full ? scanDumps : readDumps)(source.repository, signal) }
      } catch (error) {
        if (!isRepositoryTrouble(error)) throw error
        closed.push({ name: source.name, fault: error })
        return undefined
      }
    }),
  )
  const there = read.filter(each => each !== undefined)
  const held = there.flatMap(({ source, catalog }) => catalog.dumps.map(summary => ({ source, summary })))
  const byId = Map.groupBy(held, ({ summary }) => summary.id)
  return {
    dumps: [...byId]
      .flatMap(([id, [first, ...others]]): KnownDump[] => {
        if (!first) return []
        const { summary, source } = first
        return [{ id, summary, sources: [source, ...others.map(other => other.source)] }]
      })
      .toSorted((a, b) => (a.summary.startedAt < b.summary.startedAt ? -1 : 1)),
    damaged: there.flatMap(({ source, catalog }) =>
      catalog.damaged.map(what => ({ repository: source.name, what })),
    ),
    incomplete: there.flatMap(({ source, catalog }) =>
      catalog.incomplete.map(id => ({ repository: source.name, what: { id } })),
    ),
    closed,
  }
}

/** The records of one dump in all repositories that hold it. One that can not be read is passed over, and told. */
export async function readDumpCopies(
  { id, sources }: KnownDump,
  troubles: TroubleLog,
  signal: AbortSignal,
): Promise<readonly [DumpCopy, ...DumpCopy[]]> {
  const failures: { repository: string; fault: Fault }[] = []
  const read = await Promise.all(
    sources.map(async (source): Promise<DumpCopy | undefined> => {
      try {
        return { source, record: await readDump(source.repository, id, signal) }
      } catch (error) {
        if (!isRepositoryTrouble(error)) throw error
        failures.push({ repository: source.name, fault: error })
        return undefined
      }
    }),
  )
  const [first, ...others] = read.filter(copy => copy !== undefined)
  if (!first) throw nowhere(`dump ${id}`, failures, sources.length)
  for (const { repository, fault } of failures) {
    const { code, message } = fault
    troubles.add({ repository, object: undefined, code, message, instead: first.source.name })
  }
  return [first, ...others]
}

/** A record, and where it is, as `--json` prints it. */
export type PlacedDumpRecord = DumpRecord & { readonly repositories: readonly string[] }

/** Whole records, each from the first repository that holds it; those that are gone or damaged are left out. */
export async function readDumpRecordsOf(
  dumps: readonly KnownDump[],
  signal: AbortSignal,
): Promise<readonly PlacedDumpRecord[]> {
  const byFirst = Map.groupBy(dumps, ({ sources }) => sources[0])
  const read = await Promise.all(
    Array.from(byFirst, ([{ repository }, known]) =>
      readDumpRecords(
        repository,
        known.map(({ id }) => id),
        signal,
      ),
    ),
  )
  const records = new Map(read.flatMap(one => one.records).map(record => [record.id, record]))
  return dumps.flatMap(({ id, sources }) => {
    const record = records.get(id)
    return record ? [{ ...record, repositories: sources.map(({ name }) => name) }] : []
  })
}

/** Ends in `/`. */
export function folderOfDump({ source, record }: PlacedDump): string {
  return `${dumpFolder(source.repository.identity.cluster, record.id)}/`
}
