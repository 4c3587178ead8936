/**
 * Reports of drills, from one repository to another: what proves that backups come back is not to be lost with a region. The
 * record names what was sealed, so one that is sealed for others has a record of its own.
 */
import { Fault, isFault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Progress } from '../../base/progress.ts'
import type { World } from '../../base/world.ts'
import { deleteFolder } from '../../repository/backup-folders.ts'
import { findDrill, indexDrillCommitted, readDrills } from '../../repository/drill-catalog.ts'
import { folderStates, foldersAfter } from '../../repository/folder-states.ts'
import { encodeDrillRecord } from '../../repository/format/drill-json.ts'
import type { StoredObjectRecord } from '../../repository/format/backup-record.ts'
import type { DrillRecord, DrillSummary } from '../../repository/format/drill-record.ts'
import { drillCommitName, drillFolder } from '../../repository/layout.ts'
import { acquireLease, leaseOwner } from '../../repository/lease.ts'
import { readWhole, writeOnce } from '../../repository/objects.ts'
import { drillShelf } from '../../repository/shelf.ts'
import { copyObject, type Arrival } from './copy-object.ts'
import { openSource } from './object-source.ts'
import { problemOf, type CopiedDrills, type CopyProblem } from './report.ts'
import { assertMayGo, rewrappingFor, type CopySide } from './sides.ts'

export interface DrillCopy {
  readonly world: World
  readonly progress: Progress
  readonly from: CopySide
  readonly to: CopySide
  readonly arrival: Arrival
}

/** What the destination lacks of what it would keep, oldest first. */
export async function drillsToCopy(
  from: CopySide,
  to: CopySide | undefined,
  unwanted: (drills: readonly DrillSummary[]) => ReadonlySet<string>,
  signal: AbortSignal,
): Promise<readonly DrillSummary[]> {
  // The destination first: what comes meanwhile is then seen as missing.
  const states = to ? await foldersAfter(to.repository, undefined, signal, drillShelf) : []
  const there = new Set(states.filter(({ state }) => state === 'committed').map(({ id }) => id))
  const { drills } = await readDrills(from.repository, signal)
  const without = unwanted(drills)
  return drills.filter(({ id }) => !there.has(id) && !without.has(id))
}

/** One that can not be copied is told; the others go on. */
export async function copyDrills(
  copy: DrillCopy,
  drills: readonly DrillSummary[],
  signal: AbortSignal,
): Promise<CopiedDrills> {
  const ids: string[] = []
  const problems: CopyProblem[] = []
  let [objects, bytes] = [0, 0]
  for (const { id } of drills) {
    try {
      const stored = await copyUnderLease(copy, id, signal)
      if (stored.length === 0) continue
      ids.push(id)
      objects += stored.length
      bytes += stored.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    } catch (error) {
      signal.throwIfAborted()
      if (!isFault(error)) throw error
      problems.push(problemOf(`drill ${id}`, error))
    }
  }
  return { ids, objects, bytes, problems }
}

/** What was stored; nothing when somebody else was faster, or it has expired meanwhile. */
async function copyUnderLease(
  { world, ...copy }: DrillCopy,
  id: string,
  signal: AbortSignal,
): Promise<readonly StoredObjectRecord[]> {
  const { repository } = copy.to
  const owner = await leaseOwner(`copy of ${id} from ${copy.from.name}`)
  await using lease = await acquireLease(repository, drillShelf.lease, owner, world, signal)
  const held = AbortSignal.any([signal, lease.lost])
  const record = await findDrill(copy.from.repository, id, held)
  const [there] = await folderStates(repository, [id], held, drillShelf)
  if (!record || there?.state === 'committed') return []
  // Sealed for others, what a copy left that was cut off has other bytes each time.
  if (there) await deleteFolder(repository, id, held, drillShelf)
  const report = await bring(copy, record, record.report, held)
  const page = await bring(copy, record, record.page, held)
  await commit(copy, { ...record, report, page }, held)
  return [report, page]
}

async function bring(
  { from, to, arrival, progress }: Omit<DrillCopy, 'world'>,
  { cluster, id }: DrillRecord,
  object: StoredObjectRecord,
  signal: AbortSignal,
): Promise<StoredObjectRecord> {
  const { sizeBytes, sha256 } = object
  const key = `${drillFolder(cluster, id)}/${object.name}`
  const isSealed = key.endsWith('.age')
  assertMayGo(key, isSealed, to)
  const source = await openSource({ storage: from.repository.storage, key, sizeBytes }, signal)
  const rewrapping = isSealed ? rewrappingFor(from, to) : undefined
  const job = { source, expected: { sizeBytes, sha256 }, rewrapping, to: to.repository.storage, arrival }
  const done = await copyObject(job, progress, signal)
  if (done.outcome === 'unfit') throw done.fault
  return { ...object, ...done.stored }
}

async function commit(
  { from, to }: Omit<DrillCopy, 'world'>,
  made: DrillRecord,
  signal: AbortSignal,
): Promise<void> {
  const key = `${drillFolder(made.cluster, made.id)}/${drillCommitName}`
  const isRewrapped = made.report.name.endsWith('.age') && rewrappingFor(from, to) !== undefined
  const original = await readWhole(from.repository.storage, key, limits.recordSizeBytesMax, signal)
  const bytes = isRewrapped ? encodeDrillRecord(made) : original
  if (!bytes)
    throw new Fault(
      'OBJECT_MISSING',
      `${key} in ${from.repository.storage.location} was there, and is gone`,
      {
        hint: 'Run the copy again: the report may just have been expired.',
      },
    )
  if ((await writeOnce(to.repository.storage, key, bytes, signal)) === 'other')
    throw new Fault(
      'OBJECT_CONFLICT',
      `${key} is in ${to.repository.storage.location} already, and is another`,
      {
        hint: 'Find out who writes to that repository: one that is a copy is filled by `holdfast copy` alone.',
      },
    )
  await indexDrillCommitted(to.repository, made.id, signal)
}
