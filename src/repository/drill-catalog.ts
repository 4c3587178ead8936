/** The drills of a cluster: a report exists when its `drill.json` does. */
import { createHash } from 'node:crypto'
import { Fault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { decodeStream, suffixOf, type Encoding } from '../pipeline/codec.ts'
import { foldersAfter } from './folder-states.ts'
import { encodeDrillIndex, parseDrillIndex } from './format/catalog-index.ts'
import { encodeDrillRecord, parseDrillRecord, summaryOfDrill } from './format/drill-json.ts'
import type { DrillRecord, DrillSummary } from './format/drill-record.ts'
import type { StoredObjectRecord } from './format/backup-record.ts'
import { drillIdPattern } from './format/values.ts'
import { drillCatalogFolder, drillCommitName, drillFolder, drillPageName, drillReportName } from './layout.ts'
import { readWhole, writeOnce } from './objects.ts'
import type { Repository } from './repository.ts'
import * as shelfIndex from './shelf-index.ts'
import { drillShelf } from './shelf.ts'
import { readEach, type DamagedBackup } from './stored-records.ts'
import { storeStream } from './stored-stream.ts'

/** How its index is read and written is in shelf-index.ts. */
const drills: shelfIndex.IndexedShelf<DrillSummary> = {
  shelf: drillShelf,
  folder: drillCatalogFolder,
  encode: encodeDrillIndex,
  parse: parseDrillIndex,
  async readAll(repository, ids, signal) {
    const { records, damaged } = await readEach(ids, id => findDrill(repository, id, signal))
    return { summaries: records.map(summaryOfDrill), damaged }
  },
}

export interface DrillCatalog {
  /** Oldest first. */
  readonly drills: readonly DrillSummary[]
  readonly damaged: readonly DamagedBackup[]
}

/** By the index, where there is one. */
export async function readDrills(repository: Repository, signal: AbortSignal): Promise<DrillCatalog> {
  const known = await shelfIndex.knownOnShelf(drills, repository, signal)
  if (known) return { drills: inOrder(known.entries), damaged: known.damaged }
  return scanDrills(repository, signal)
}

/** Reads every record, whatever the index says. */
export async function scanDrills(repository: Repository, signal: AbortSignal): Promise<DrillCatalog> {
  const states = await foldersAfter(repository, undefined, signal, drillShelf)
  const ids = states.filter(({ state }) => state === 'committed').map(({ id }) => id)
  const { summaries, damaged } = await drills.readAll(repository, ids, signal)
  return { drills: inOrder(summaries), damaged }
}

const inOrder = (summaries: readonly DrillSummary[]): readonly DrillSummary[] =>
  summaries.toSorted((a, b) => (a.id < b.id ? -1 : 1))

/** Undefined when there is none with this id. */
export async function findDrill(
  { storage, identity }: Repository,
  id: string,
  signal: AbortSignal,
): Promise<DrillRecord | undefined> {
  if (!drillIdPattern.test(id)) return undefined
  const { cluster } = identity
  const key = `${drillFolder(cluster, id)}/${drillCommitName}`
  const bytes = await readWhole(storage, key, limits.recordSizeBytesMax, signal)
  if (!bytes) return undefined
  const record = parseDrillRecord(bytes, key)
  if (record.id === id && record.cluster === cluster) return record
  throw new Fault('OBJECT_CORRUPT', `${key} is damaged: it is the record of ${record.cluster}/${record.id}`, {
    hint: 'Find out who moved folders inside the repository, and move this one back.',
  })
}

/** Sees to it that readers find what was just committed. */
export function indexDrillCommitted(repository: Repository, id: string, signal: AbortSignal): Promise<void> {
  return shelfIndex.indexCommitted(drills, repository, id, signal)
}

/** Fails when the index could not be written. */
export function dropFromDrillIndex(
  repository: Repository,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  return shelfIndex.dropFromIndex(drills, repository, ids, signal)
}

/** What is kept of a drill: the report and the page, as a person would read them. */
export interface DrillFiles {
  readonly report: Uint8Array
  readonly page: Uint8Array
}

/** Seals and stores both, then makes the drill known. */
export async function putDrill(
  repository: Repository,
  summary: DrillSummary,
  files: DrillFiles,
  encoding: Encoding,
  signal: AbortSignal,
): Promise<DrillRecord> {
  const { storage, identity } = repository
  const folder = drillFolder(identity.cluster, summary.id)
  const suffix = suffixOf(encoding)
  const put = async (name: string, bytes: Uint8Array): Promise<StoredObjectRecord> => ({
    name,
    ...(await storeStream({ storage, key: `${folder}/${name}`, encoding }, once(bytes), signal)),
  })
  const record: DrillRecord = {
    format: 1,
    cluster: identity.cluster,
    systemIdentifier: identity.systemIdentifier,
    ...summary,
    report: await put(drillReportName(suffix), files.report),
    page: await put(drillPageName(suffix), files.page),
  }
  const key = `${folder}/${drillCommitName}`
  if ((await writeOnce(storage, key, encodeDrillRecord(record), signal)) === 'other')
    throw new Fault('OBJECT_CONFLICT', `${key} is there already, and is not what was to be written`, {
      hint: 'Two drills of this cluster were begun in the same second: run one of them again.',
    })
  await indexDrillCommitted(repository, record.id, signal)
  return record
}

/** The report or the page, opened and decompressed. OBJECT_MISSING and OBJECT_CORRUPT when it is not what was stored. */
export async function readDrillFile(
  { storage, identity }: Repository,
  { id, ...record }: DrillRecord,
  file: keyof DrillFiles,
  identities: readonly string[],
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { name, sha256 } = record[file]
  const key = `${drillFolder(identity.cluster, id)}/${name}`
  const stored = await readWhole(storage, key, limits.recordSizeBytesMax, signal)
  if (!stored)
    throw new Fault('OBJECT_MISSING', `${key} in ${storage.location}, which drill.json names, is not there`, {
      hint: 'Find out who deleted it; the report may be in another repository, or in a copy that was made of it.',
    })
  if (createHash('sha256').update(stored).digest('hex') !== sha256)
    throw damaged(key, 'it does not have the SHA-256 that drill.json says')
  const pieces: Uint8Array[] = []
  let sizeBytes = 0
  for await (const piece of decodeStream(once(stored), identities)) {
    sizeBytes += piece.length
    if (sizeBytes > limits.recordSizeBytesMax) throw damaged(key, 'it is larger than a report can be')
    // The decoder uses its buffer again.
    pieces.push(Buffer.from(piece))
  }
  return Buffer.concat(pieces)
}

const damaged = (key: string, why: string): Fault =>
  new Fault('OBJECT_CORRUPT', `${key} is damaged: ${why}`, {
    hint: 'Take the report from another repository, or run another drill.',
  })

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
