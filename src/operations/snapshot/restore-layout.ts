/** How a snapshot will come back on this host. Everything is checked here and nothing is written. */
import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Fault, errnoOf } from '../../base/fault.ts'
import type { RestorePlan } from '../../policy/restore-plan.ts'
import { refuseIfInUse } from '../../postgres/data-directory-lock.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import type { SnapshotRecord } from '../../repository/format/snapshot-part.ts'
import { mountOf, readMounts } from '../../snapshots/mounts.ts'
import type { SnapshotProvider } from '../../snapshots/provider.ts'
import type { LayoutRequest, RestoreLayout } from '../restore/layout.ts'
import {
  assertPlacesFree,
  assertSpace,
  measureSpace,
  placeTablespaces,
  type SpaceNeed,
  type TablespacePlace,
} from '../restore/places.ts'
import { assertApart, inspectTarget, judgeTarget, type TargetUse } from '../restore/target-directory.ts'

/** What comes back, and by whom. */
export interface SnapshotSource {
  readonly provider: SnapshotProvider
  readonly snapshot: SnapshotRecord
}

export interface SnapshotLayout extends RestoreLayout {
  readonly snapshot: SnapshotRecord
  readonly restores: SnapshotProvider['restores']
}

export async function layOutSnapshot(
  { provider, snapshot }: SnapshotSource,
  request: LayoutRequest,
  plan: RestorePlan,
  record: BackupRecord,
): Promise<SnapshotLayout> {
  const { targetDirectory: directory } = request
  assertApart(directory, request.needed)
  await refuseIfInUse(directory)
  const use = await useOf(request)
  await assertNoMount(directory)
  const tablespaces = placesOf(record, directory, request)
  await assertPlacesFree(directory, use, tablespaces, record)
  const space = provider.restores === 'trees' ? await spaceOf(record, snapshot, directory) : []
  assertSpace(space)
  return {
    plan,
    record,
    directory,
    use,
    directories: [],
    tablespaces,
    mode: 0o700,
    owner: undefined,
    space,
    expectedMs: record.durationMs,
    snapshot,
    restores: provider.restores,
  }
}

async function useOf(request: LayoutRequest): Promise<TargetUse> {
  const { targetDirectory, delta, force } = request
  if (delta)
    throw new Fault('USAGE', 'a snapshot comes back whole: --delta has no meaning for it', {
      hint: 'Leave it out, or name another backup with --backup ID.',
    })
  const use = judgeTarget(targetDirectory, await inspectTarget(targetDirectory), { delta: false, force })
  if (use !== 'delta') return use
  throw new Fault('TARGET_DIRECTORY', `${targetDirectory} holds the beginning of another restore`, {
    hint: 'Use --force to delete it first, or name another directory.',
  })
}

/** The directory is put in its place by a rename, which a mount point does not allow. */
async function assertNoMount(directory: string): Promise<void> {
  try {
    const mounts = await readMounts()
    if (!mounts.some(({ path }) => path === directory)) {
      await stat(dirname(directory))
      return
    }
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    throw new Fault('TARGET_DIRECTORY', `the folder of ${directory} does not exist`, {
      hint: `Make ${dirname(directory)} first.`,
      cause: error,
    })
  }
  throw new Fault(
    'TARGET_DIRECTORY',
    `${directory} is a mount point, and a snapshot comes back by a rename`,
    {
      hint: `Name a folder in it: ${join(directory, 'restored')}.`,
    },
  )
}

/** The places of the original are most likely in use by it: what is not mapped comes back beside the data directory. */
function placesOf(
  { tablespaces }: BackupRecord,
  directory: string,
  { tablespaces: given }: LayoutRequest,
): readonly TablespacePlace[] {
  const mapped = placeTablespaces(tablespaces, given)
  return mapped.map(place => {
    const isGiven = given.some(({ from }) => from === place.from || from === place.name)
    return isGiven ? place : { ...place, to: join(`${directory}.tablespaces`, String(place.oid)) }
  })
}

/** On the file system of the snapshot a copy shares its blocks, and takes no room at first. */
async function spaceOf(
  { sizes }: BackupRecord,
  { volumes }: SnapshotRecord,
  directory: string,
): Promise<readonly SpaceNeed[]> {
  const mounts = await readMounts()
  const target = mountOf(mounts, dirname(directory))?.source
  const isElsewhere = volumes
    .filter(({ trees }) => trees.some(({ holds }) => holds !== 'wal'))
    .some(({ reference }) => mountOf(mounts, reference)?.source !== target)
  return isElsewhere ? measureSpace([{ path: directory, needBytes: sizes.rawBytes, keptBytes: 0 }]) : []
}
