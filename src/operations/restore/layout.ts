/**
 * How a planned restore will stand on this host: directory, tablespaces, room, owner. Everything is checked here and
 * nothing is written: the key, too, since the manifest is opened.
 */
import { assert } from '../../base/assert.ts'
import { refuseIfInUse } from '../../postgres/data-directory-lock.ts'
import type { RestorePlan } from '../../policy/restore-plan.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import type { ManifestDirectory } from '../../repository/format/manifest.ts'
import type { WorkerHost } from '../workers/crew.ts'
import type { FileOwner } from '../workers/messages.ts'
import { readManifestHead } from '../sources/manifest.ts'
import type { BackupCopy } from '../sources/source.ts'
import type { TroubleLog } from '../sources/trouble.ts'
import {
  assertPlacesFree,
  assertSpace,
  measureSpace,
  placeTablespaces,
  type SpaceNeed,
  type TablespaceMapping,
  type TablespacePlace,
} from './places.ts'
import { sizeOfTree } from './strays.ts'
import {
  assertApart,
  chooseOwner,
  inspectTarget,
  judgeTarget,
  type Needed,
  type TargetUse,
} from './target-directory.ts'

export interface RestoreDeps extends WorkerHost {
  /** The backup in each repository that holds it, the one to read from first. */
  readonly copies: readonly BackupCopy[]
  /** What one of them did not have whole. */
  readonly troubles: TroubleLog
}

export interface LayoutRequest {
  readonly targetDirectory: string
  readonly needed: Needed
  readonly tablespaces: readonly TablespaceMapping[]
  readonly delta: boolean
  readonly force: boolean
  /** Who runs this. */
  readonly account: { readonly userId: number; readonly groupId: number }
}

export interface RestoreLayout {
  readonly plan: RestorePlan
  readonly record: BackupRecord
  readonly directory: string
  readonly use: TargetUse
  readonly directories: readonly ManifestDirectory[]
  readonly tablespaces: readonly TablespacePlace[]
  /** Of the data directory. */
  readonly mode: number
  readonly owner: FileOwner | undefined
  readonly space: readonly SpaceNeed[]
  /** From the rate at which this very backup was made; replay of the WAL is not in it. */
  readonly expectedMs: number
}

/** Beside the files themselves: room for the segments that replay holds at one time. */
const walSegmentsHeld = 5

export async function layOutRestore(
  deps: RestoreDeps,
  request: LayoutRequest,
  plan: RestorePlan,
  [first]: readonly BackupCopy[],
  signal: AbortSignal,
): Promise<RestoreLayout> {
  const { targetDirectory: directory } = request
  assert(first !== undefined, 'a backup is restored from where it is')
  const { record } = first
  const { directories } = await readManifestHead(deps.copies, deps.troubles, signal)
  assertApart(directory, request.needed)
  await refuseIfInUse(directory)
  const use = judgeTarget(directory, await inspectTarget(directory), request)
  const tablespaces = placeTablespaces(record.tablespaces, request.tablespaces)
  await assertPlacesFree(directory, use, tablespaces, record)
  const space = await measureSpace(await partsOf(directory, tablespaces, record, signal))
  assertSpace(space)
  return {
    plan,
    record,
    directory,
    use,
    directories,
    tablespaces,
    mode: modeOf(directories),
    owner: await chooseOwner(directory, request.account),
    space,
    expectedMs: record.durationMs,
  }
}

async function partsOf(
  directory: string,
  tablespaces: readonly TablespacePlace[],
  { sizes, postgres }: BackupRecord,
  signal: AbortSignal,
): Promise<{ path: string; needBytes: number; keptBytes: number }[]> {
  const inTablespaces = tablespaces.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const main = {
    path: directory,
    needBytes: Math.max(0, sizes.rawBytes - inTablespaces) + walSegmentsHeld * postgres.walSegmentSizeBytes,
    keptBytes: await sizeOfTree(directory, signal),
  }
  const others = tablespaces.map(async ({ to, sizeBytes }) => ({
    path: to,
    needBytes: sizeBytes,
    keptBytes: await sizeOfTree(to, signal),
  }))
  return [main, ...(await Promise.all(others))]
}

/** The server accepts 0700 and 0750 only. pg_wal was given the data directory's own mode when it was backed up. */
function modeOf(directories: readonly ManifestDirectory[]): number {
  const mode = directories.find(({ path }) => path === 'pg_wal')?.mode ?? 0o700
  return mode & 0o050 ? 0o750 : 0o700
}
