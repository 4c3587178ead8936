/**
 * What a restore of tables is going to do: which files of the backup their scratch cluster gets, how much that is, and whether
 * there is room. Changes nothing.
 */
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { MiB } from '../../base/units.ts'
import type { RestorePlan } from '../../policy/restore-plan.ts'
import { openBackupCatalogues, type BackupCatalogues } from '../catalogues/backup-catalogues.ts'
import type { RestoreDeps } from '../restore/layout.ts'
import { assertSpace, measureSpace, type SpaceNeed } from '../restore/places.ts'
import { parseRelationFileName } from '../../postgres/data-directory/relation-file.ts'
import type { ManifestFile } from '../../repository/format/manifest.ts'
import { readManifestFiles } from '../sources/manifest.ts'
import { chooseFiles, findDatabase, type FileChoice } from './choose-files.ts'
import type { CopyRequest } from './copied.ts'
import { tablesOf } from './scope.ts'
import type { ScratchRequest } from './scratch.ts'

export interface TableRequest
  extends
    CopyRequest,
    Pick<ScratchRequest, 'wal' | 'place' | 'recovery' | 'account' | 'workers' | 'user' | 'programs'> {}

export interface TablePlan {
  readonly plan: RestorePlan
  /** What is to be fetched of the backup's files, and what there is. */
  readonly neededBytes: number
  readonly neededFiles: number
  readonly allBytes: number
  /** As stored, by the share of the files: what goes over the wire, WAL not counted. */
  readonly downloadBytes: number
  /** From the rate at which the backup was made, and that of replay as it is assumed. */
  readonly expectedMs: number
  readonly space: readonly SpaceNeed[]
}

/** The files of one scratch cluster. */
export interface ChosenFiles {
  readonly plan: TablePlan
  readonly choice: FileChoice
  /** Relations of the backup whose files are not brought, by their keys. */
  readonly withheld: ReadonlySet<string>
  /** Those of their files whose place is kept. */
  readonly sparse: readonly SparseFile[]
}

export type SparseFile = Pick<ManifestFile, 'path' | 'sizeBytes'>

export interface LaidOutTables extends ChosenFiles, AsyncDisposable {
  readonly catalogues: BackupCatalogues
  readonly databaseOid: number
}

/** Reads the catalogues. */
export async function layOutTables(
  deps: RestoreDeps,
  request: TableRequest,
  plan: RestorePlan,
  signal: AbortSignal,
): Promise<LaidOutTables> {
  deps.progress.phase('reading the catalogues of the backup')
  const catalogues = await openBackupCatalogues(deps, ['namespace', 'index', 'inherits'], signal)
  try {
    const databaseOid = await findDatabase(catalogues, request.database)
    if (databaseOid === undefined) throw noDatabase(request.database, copyOf(deps).record.id)
    const about = { catalogues, databaseOid, plan }
    return {
      ...(await chooseTableFiles(deps, request, about, [], signal)),
      catalogues,
      databaseOid,
      [Symbol.asyncDispose]: () => catalogues[Symbol.asyncDispose](),
    }
  } catch (error) {
    await catalogues[Symbol.asyncDispose]()
    throw error
  }
}

/** `alsoOids`: relations that are known to be needed besides, whatever they were called. Fails where there is no room. */
export async function chooseTableFiles(
  deps: RestoreDeps,
  { scope, place }: Pick<TableRequest, 'scope' | 'place'>,
  {
    catalogues,
    databaseOid,
    plan,
  }: Pick<LaidOutTables, 'catalogues' | 'databaseOid'> & { readonly plan: RestorePlan },
  alsoOids: readonly number[],
  signal: AbortSignal,
): Promise<ChosenFiles> {
  const { record } = copyOf(deps)
  const major = Math.floor(record.postgres.versionNumber / 10_000)
  const choice = await chooseFiles(catalogues, {
    database: databaseOid,
    tables: tablesOf(scope),
    alsoOids,
    largeObjects: scope.kind === 'database',
    major,
  })
  let [neededBytes, neededFiles, allBytes] = [0, 0, 0]
  const withheld = new Set<string>()
  const sparse: SparseFile[] = []
  for await (const group of readManifestFiles(deps.copies, deps.troubles, signal))
    for (const { path, sizeBytes } of group) {
      allBytes += sizeBytes
      const judged = choice.judge(path)
      if (judged === 'needed') {
        neededBytes += sizeBytes
        neededFiles++
        continue
      }
      const key = judged === 'withheld' ? choice.keyOf(path) : undefined
      if (key !== undefined) withheld.add(key)
      if (sizeBytes >= sparseSizeBytesMin && isMainFork(path)) sparse.push({ path, sizeBytes })
    }
  const share = allBytes === 0 ? 1 : neededBytes / allBytes
  const heldBytes = Math.min(plan.wal.rawBytes, limits.restoreTableWalHeldBytesMax)
  const needBytes = neededBytes + heldBytes + walSegmentsHeld * record.postgres.walSegmentSizeBytes
  const space = await measureSpace([{ path: place, needBytes, keptBytes: 0 }])
  assertSpace(space, 'Make room there, or name another folder: --scratch-dir DIR.')
  return {
    plan: {
      plan,
      neededBytes,
      neededFiles,
      allBytes,
      downloadBytes: Math.round(record.sizes.storedBytes * share),
      expectedMs: record.durationMs * share + (plan.wal.rawBytes / replayBytesPerSecond) * 1000,
      space,
    },
    choice,
    withheld,
    sparse,
  }
}

/** Smaller files need no place to be kept: PostgreSQL makes them when a record comes for them. */
const sparseSizeBytesMin = 1 * MiB

const isMainFork = (path: string): boolean =>
  parseRelationFileName(path.slice(path.lastIndexOf('/') + 1))?.fork === 'main'

/** Whether what is at this path (as pg_relation_filepath tells it) is not brought. */
export function withheldIn({
  withheld,
  choice,
}: Pick<ChosenFiles, 'withheld' | 'choice'>): (path: string) => boolean {
  return path => {
    const key = choice.keyOf(path)
    return key !== undefined && withheld.has(key)
  }
}

/** Segments that a server has in pg_wal while it replays, and those of its own. */
const walSegmentsHeld = 8
/** Fetching, decompressing and replaying WAL, measured on two cores; only for what the plan says beforehand. */
const replayBytesPerSecond = 100 * 1024 * 1024

export function copyOf({ copies }: RestoreDeps): RestoreDeps['copies'][number] {
  const [copy] = copies
  if (!copy) throw new Error('assertion failed: a backup lies somewhere')
  return copy
}

function noDatabase(name: string, backup: string): Fault {
  return new Fault('TARGET_UNREACHABLE', `there was no database ${name} when backup ${backup} was made`, {
    hint: 'Name the database with --database; one that was made after the backup comes back with holdfast restore.',
  })
}
