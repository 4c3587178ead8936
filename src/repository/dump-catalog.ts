/** The dumps of a cluster. A dump exists when its `dump.json` does; any other folder is one under way, or left behind. */
import { Fault } from '../base/fault.ts'
import { parseLsn } from '../wal/lsn.ts'
import { indexDumpCommitted, knownDumps } from './dump-index.ts'
import { foldersAfter } from './folder-states.ts'
import { encodeDumpRecord } from './format/dump-json.ts'
import type { DumpRecord } from './format/dump-record.ts'
import type { DumpSummary } from './format/dump-summary.ts'
import { dumpIdPattern } from './format/values.ts'
import { dumpCommitName, dumpFolder } from './layout.ts'
import { writeOnce } from './objects.ts'
import type { Repository } from './repository.ts'
import { dumpShelf } from './shelf.ts'
import { findDump, readDumpRecords } from './stored-dumps.ts'
import type { DamagedBackup } from './stored-records.ts'

export interface DumpCatalog {
  /** Ordered as backups are: by system identifier, timeline and LSN. */
  readonly dumps: readonly DumpSummary[]
  readonly damaged: readonly DamagedBackup[]
  /** Ids of folders without a record. */
  readonly incomplete: readonly string[]
}

export interface CompleteDumpCatalog extends DumpCatalog {
  readonly dumps: readonly DumpRecord[]
}

/**
 * By the index, without listing what it knows. It may still name a dump that was just deleted, so `readDump` is asked for
 * the one that is chosen, before anything else is done.
 */
export async function readDumps(repository: Repository, signal: AbortSignal): Promise<DumpCatalog> {
  const known = await knownDumps(repository, signal)
  if (!known) return scanDumps(repository, signal)
  const { entries, damaged, unfinished } = known
  return { dumps: inOrder(entries), damaged, incomplete: unfinished.map(({ id }) => id) }
}

/** Looks at everything and reads all records: for those who must not miss anything. */
export async function scanDumps(repository: Repository, signal: AbortSignal): Promise<CompleteDumpCatalog> {
  const states = await foldersAfter(repository, undefined, signal, dumpShelf)
  const ids = states.filter(({ state }) => state === 'committed').map(({ id }) => id)
  const { records, damaged } = await readDumpRecords(repository, ids, signal)
  const incomplete = states.filter(({ state }) => state !== 'committed').map(({ id }) => id)
  return { dumps: inOrder(records), damaged, incomplete }
}

/** BACKUP_NOT_FOUND when there is none with this id. */
export async function readDump(repository: Repository, id: string, signal: AbortSignal): Promise<DumpRecord> {
  const record = dumpIdPattern.test(id) ? await findDump(repository, id, signal) : undefined
  if (record) return record
  throw new Fault(
    'BACKUP_NOT_FOUND',
    `there is no dump ${id} of "${repository.identity.cluster}" in ${repository.storage.location}`,
    { hint: 'Run holdfast list --kind dump to see the ids.' },
  )
}

/** Every object that a record names, but for the record itself; relative to the dump's folder. */
export function objectsOfDump(record: DumpRecord): readonly {
  readonly name: string
  readonly sizeBytes: number
  readonly sha256: string
}[] {
  return [record.globals, ...record.databases.flatMap(({ objects, contents }) => [...objects, contents])]
}

/** Makes the dump exist. What it names is looked at once more: nothing may be said to be safe before it is. */
export async function commitDump(
  repository: Repository,
  record: DumpRecord,
  signal: AbortSignal,
): Promise<void> {
  await assertDumpComplete(repository, record, signal)
  const { storage, identity } = repository
  const folder = dumpFolder(identity.cluster, record.id)
  const key = `${folder}/${dumpCommitName}`
  if ((await writeOnce(storage, key, encodeDumpRecord(record), signal)) !== 'other')
    return indexDumpCommitted(repository, record.id, signal)
  throw new Fault('OBJECT_CONFLICT', `${key} is there already, and is not what was to be written`, {
    hint: 'Look at the hosts that dump this cluster: two of them work on the same dump. Stop one.',
  })
}

/** OBJECT_MISSING when something that the record names is not there in its full size. */
export async function assertDumpComplete(
  { storage, identity }: Repository,
  record: DumpRecord,
  signal: AbortSignal,
): Promise<void> {
  const folder = dumpFolder(identity.cluster, record.id)
  const sizes = new Map<string, number>()
  for await (const { key, sizeBytes } of storage.list(`${folder}/`, signal)) sizes.set(key, sizeBytes)
  for (const { name, sizeBytes } of objectsOfDump(record)) {
    const found = sizes.get(`${folder}/${name}`)
    if (found === sizeBytes) continue
    const what =
      found === undefined ? 'is not there' : `has ${String(found)} bytes instead of ${String(sizeBytes)}`
    throw new Fault('OBJECT_MISSING', `${folder}/${name} ${what}, so the dump can not be committed`, {
      hint: 'Dump again, and find out what deletes or changes objects in the repository.',
    })
  }
}

function inOrder<T extends DumpSummary>(dumps: readonly T[]): readonly T[] {
  return dumps.toSorted(
    (a, b) =>
      compare(BigInt(a.systemIdentifier), BigInt(b.systemIdentifier)) ||
      compare(a.timeline, b.timeline) ||
      compare(parseLsn(a.lsn) ?? 0n, parseLsn(b.lsn) ?? 0n) ||
      compare(a.startedAt, b.startedAt),
  )
}

const compare = <T extends bigint | number | string>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0)
