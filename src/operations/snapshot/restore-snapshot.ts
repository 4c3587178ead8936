/**
 * Brings a snapshot back. Everything is made ready in another place; the directory that was asked for appears, by one rename or one
 * link, when all of it is there and durable. So no server starts on half of it, and a restore that was killed is run again.
 */
import { mkdir, open, readdir, rename, rm, rmdir, stat, symlink, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Fault, errnoOf, messageOf } from '../../base/fault.ts'
import type { Log } from '../../base/log.ts'
import type { Progress } from '../../base/progress.ts'
import type { World } from '../../base/world.ts'
import { readControlFile } from '../../postgres/control-file.ts'
import type { RecoverySettings } from '../../postgres/recovery-settings.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import type { SnapshotTreeRecord, SnapshotVolumeRecord } from '../../repository/format/snapshot-part.ts'
import type {
  KnownSnapshot,
  RestoreRequest,
  RestoredPlace,
  SnapshotProvider,
} from '../../snapshots/provider.ts'
import { writeFile, writeRecovery, type FilesLayout, type RestoreReport } from '../restore/restore.ts'
import type { BackupCopy } from '../sources/source.ts'
import type { TroubleLog } from '../sources/trouble.ts'
import { syncTrees } from '../workers/copy-in/sync-trees.ts'
import { readLabelFile } from './label-file.ts'
import { knownSnapshot, nearestSnapshot } from './presence.ts'
import { linkTablespaces, makeReady, type Places } from './make-ready.ts'
import type { SnapshotLayout } from './restore-layout.ts'

export interface SnapshotRestoreDeps {
  readonly world: World
  readonly progress: Progress
  readonly log: Log
  readonly provider: SnapshotProvider
  readonly copies: readonly BackupCopy[]
  readonly troubles: TroubleLog
  /** Told before the provider is asked for a new volume, so that it can be found after a crash. */
  readonly willMake?: ((request: RestoreRequest) => Promise<void>) | undefined
}

export interface SnapshotRestoreJob {
  readonly layout: SnapshotLayout
  readonly recovery: (lost: readonly string[]) => RecoverySettings
}

export async function restoreSnapshot(
  deps: SnapshotRestoreDeps,
  { layout, recovery }: SnapshotRestoreJob,
  signal: AbortSignal,
): Promise<RestoreReport> {
  const { world, log, troubles, progress } = deps
  const { directory, record } = layout
  const startedMs = world.clock.monotonicMs()
  log.info('restore.started', { backup: record.id, directory })
  const label = await readLabelFile(deps.copies, troubles, signal)
  const undo = new UndoStack()
  try {
    progress.phase('bringing the volumes back')
    const { places, told } = await (layout.restores === 'trees' ? bringTrees : bringVolumes)(
      deps,
      layout,
      undo,
      signal,
    )
    const root = placeOf(places, 'data')
    progress.phase('making the directory ready')
    const owner = await ownerOf(root)
    const files: FilesLayout = { directory: root, record, ...owner }
    await assertSameSystem(root, record)
    await makeReady(root, record, files)
    await linkTablespaces(root, layout, places, files)
    await writeFile(files, 'backup_label', [label])
    await writeRecovery(files, recovery(troubles.unreachable()))
    await syncTrees([...new Set(places.values())], signal)
    await publish(root, layout)
    const durationMs = world.clock.monotonicMs() - startedMs
    log.info('restore.finished', { backup: record.id, directory, durationMs })
    return {
      files: 0,
      bytes: 0,
      filesKept: 0,
      bytesKept: 0,
      bytesFetched: 0,
      directory,
      backup: record.id,
      timeline: layout.plan.timeline,
      filesRemoved: 0,
      passedOver: troubles.all(),
      durationMs,
      places: told,
    }
  } catch (error) {
    await undo.run(deps.progress)
    throw error
  }
}

interface Brought {
  readonly places: Places
  /** For people. */
  readonly told: readonly string[]
}

/** Copies: the data directory to its own place under another name, tablespaces to theirs. */
async function bringTrees(
  { provider }: SnapshotRestoreDeps,
  layout: SnapshotLayout,
  undo: UndoStack,
  signal: AbortSignal,
): Promise<Brought> {
  const { directory, tablespaces, record } = layout
  const places = new Map<SnapshotTreeRecord['holds'], string>()
  const told: string[] = []
  const unfinished = join(dirname(directory), `.${basename(directory)}.holdfast-restoring`)
  await rm(unfinished, { recursive: true, force: true })
  for (const { volume, tree } of neededTrees(layout.snapshot.volumes)) {
    const to =
      tree.holds === 'data' ? unfinished : tablespaces.find(({ oid }) => String(oid) === tree.holds)?.to
    if (to === undefined) continue
    await makeRoomFor(to)
    const place = await provider.restore(
      requestFor(record, volume, knownSnapshot(volume), tree.inside, to),
      signal,
    )
    undo.add(place)
    places.set(tree.holds, to)
    told.push(`${tree.holds === 'data' ? directory : to}: ${place.what}`)
  }
  return { places, told }
}

/** New volumes, mounted beside the directory, which becomes a link into one of them. */
async function bringVolumes(
  { provider, willMake }: SnapshotRestoreDeps,
  { directory, record, snapshot }: SnapshotLayout,
  undo: UndoStack,
  signal: AbortSignal,
): Promise<Brought> {
  const places = new Map<SnapshotTreeRecord['holds'], string>()
  const told: string[] = []
  const folder = `${directory}.volumes`
  await mkdir(folder, { recursive: true, mode: 0o755 })
  for (const volume of snapshot.volumes) {
    const trees = volume.trees.filter(({ holds }) => holds !== 'wal')
    if (trees.length === 0) continue
    const to = join(folder, volume.name)
    await assertFree(to)
    const snapshot = await nearestSnapshot(provider, volume, signal)
    const request = requestFor(record, volume, snapshot, '', to)
    await willMake?.(request)
    const place = await provider.restore(request, signal)
    undo.add(place)
    for (const { holds, inside } of trees) places.set(holds, join(to, inside))
    told.push(`${to}: ${place.what}`)
  }
  return { places, told }
}

function neededTrees(
  volumes: readonly SnapshotVolumeRecord[],
): readonly { volume: SnapshotVolumeRecord; tree: SnapshotTreeRecord }[] {
  // WAL comes from the repository.
  return volumes.flatMap(volume =>
    volume.trees.filter(({ holds }) => holds !== 'wal').map(tree => ({ volume, tree })),
  )
}

function requestFor(
  { cluster, systemIdentifier, id }: BackupRecord,
  { fileSystem }: SnapshotVolumeRecord,
  snapshot: KnownSnapshot,
  inside: string,
  to: string,
): RestoreRequest {
  return { cluster, systemIdentifier, id, snapshot, fileSystem, inside, to }
}

function placeOf(places: Places, holds: SnapshotTreeRecord['holds']): string {
  const place = places.get(holds)
  if (place === undefined) throw new Error(`assertion failed: a snapshot holds ${holds}`)
  return place
}

/** An empty folder may be there already; what is in another one was judged when the restore was laid out. */
async function makeRoomFor(to: string): Promise<void> {
  try {
    await mkdir(dirname(to), { recursive: true, mode: 0o755 })
    await rmdir(to)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return
    throw unfit(to, messageOf(error), error)
  }
}

async function assertFree(to: string): Promise<void> {
  const names = await readdir(to).catch(() => undefined)
  if (names === undefined) return
  throw unfit(to, 'an earlier restore left a volume there: unmount it, and remove the volume and the folder')
}

async function ownerOf(root: string): Promise<Pick<FilesLayout, 'mode' | 'owner'>> {
  const { mode, uid, gid } = await stat(root)
  const isRoot = process.getuid?.() === 0
  return { mode: mode & 0o050 ? 0o750 : 0o700, owner: isRoot ? { userId: uid, groupId: gid } : undefined }
}

/** A place may have been given to another snapshot since. */
async function assertSameSystem(root: string, record: BackupRecord): Promise<void> {
  const { control } = await readControlFile(root)
  if (control.systemIdentifier === record.systemIdentifier) return
  throw new Fault(
    'SNAPSHOT_MISSING',
    `what ${record.id} names is a snapshot of another cluster: its system identifier is ${control.systemIdentifier}, not ${record.systemIdentifier}`,
    { hint: 'Restore from another backup (--backup ID), and find out who changed the snapshot.' },
  )
}

/** From here on a server can start. */
async function publish(root: string, { directory, use, restores }: SnapshotLayout): Promise<void> {
  try {
    if (use === 'clear') {
      // The control file goes first, so that what is half deleted can not be started.
      await rm(join(directory, 'global/pg_control'), { force: true })
      await rm(directory, { recursive: true, force: true })
    } else {
      await rmdir(directory).catch((error: unknown) => {
        if (errnoOf(error) !== 'ENOENT') throw error
      })
    }
    if (restores === 'trees') await rename(root, directory)
    else await symlink(root, directory)
    const folder = await open(dirname(directory))
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  } catch (error) {
    if (restores === 'volumes') await unlink(directory).catch(() => undefined)
    throw unfit(directory, messageOf(error), error)
  }
}

const unfit = (path: string, why: string, cause?: unknown): Fault =>
  new Fault('TARGET_DIRECTORY', `${path} can not be made ready: ${why}`, {
    hint: 'Run as the user that the server shall run as, in a place where that user may write.',
    cause,
  })

/** What was made is taken away again, the last first; what can not be is told, and does not hide why. */
class UndoStack {
  readonly #places: RestoredPlace[] = []

  add(place: RestoredPlace): void {
    this.#places.push(place)
  }

  async run(progress: Progress): Promise<void> {
    const { signal } = new AbortController()
    for (const place of this.#places.toReversed()) {
      try {
        await place.discard(signal)
      } catch (error) {
        progress.note(`${place.what} could not be taken away again: ${messageOf(error)}`)
      }
    }
  }
}
