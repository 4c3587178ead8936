/**
 * Carries a restore out, exactly as it was laid out.
 *
 * `global/pg_control` comes last, when everything else is durable: no server starts on less than the whole.
 */
import { chmod, chown, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Fault, errnoOf, messageOf } from '../../base/fault.ts'
import type { Log } from '../../base/log.ts'
import { decodeStream } from '../../pipeline/codec.ts'
import { closedHba, closedHbaName } from '../../postgres/closed-server.ts'
import { controlFilePath } from '../../postgres/data-directory/exclusions.ts'
import { recoveryFiles, type RecoverySettings } from '../../postgres/recovery-settings.ts'
import type { ManifestFile } from '../../repository/format/manifest.ts'
import { copyIn, type CopyInRequest } from '../workers/copy-in/copy-in.ts'
import { syncTrees } from '../workers/copy-in/sync-trees.ts'
import type { CopyInReport } from '../workers/messages.ts'
import { readManifestFiles } from '../sources/manifest.ts'
import { fromFirstCopy } from '../sources/read-copies.ts'
import { copiesToRead, type BackupCopy } from '../sources/source.ts'
import type { Trouble } from '../sources/trouble.ts'
import type { RestoreDeps, RestoreLayout } from './layout.ts'
import { makePlaces } from './places.ts'
import { PathSet, removeStrays } from './strays.ts'
import { finishTarget, prepareTarget } from './target-directory.ts'

export interface RestoreJob {
  readonly layout: RestoreLayout
  /** Asked when the files are there: these repositories have broken off meanwhile. */
  readonly recovery: (lost: readonly string[]) => RecoverySettings
  readonly workers: number
}

export interface RestoreReport extends CopyInReport {
  readonly directory: string
  readonly backup: string
  readonly timeline: number
  /** Files that a delta restore removed, since the backup does not have them. */
  readonly filesRemoved: number
  /** What a repository did not have whole, and another one did. */
  readonly passedOver: readonly Trouble[]
  readonly durationMs: number
  /** Of a snapshot: how its volumes came back. */
  readonly places?: readonly string[]
}

export async function restore(
  deps: RestoreDeps & { readonly log: Log },
  job: RestoreJob,
  signal: AbortSignal,
): Promise<RestoreReport> {
  const { layout } = job
  const { directory, record } = layout
  const startedMs = deps.world.clock.monotonicMs()
  deps.log.info('restore.started', { backup: record.id, directory })
  await prepareTarget({ ...layout, backup: record.id })
  await makePlaces(directory, layout.tablespaces, layout, record)

  const { report, kept } = await copyFiles(deps, job, signal)
  await writeBackupManifest(deps, layout, signal)
  const written = await writeRecovery(layout, job.recovery(deps.troubles.unreachable()))
  const filesRemoved = layout.use === 'delta' ? await removeOthers(directory, kept, written, signal) : 0
  await syncTrees([directory, ...layout.tablespaces.map(({ to }) => to)], signal)
  await publishControlFile(directory)
  await finishTarget(directory)

  const durationMs = deps.world.clock.monotonicMs() - startedMs
  deps.log.info('restore.finished', { backup: record.id, directory, bytes: report.bytes, durationMs })
  return {
    ...report,
    directory,
    backup: record.id,
    timeline: layout.plan.timeline,
    filesRemoved,
    passedOver: deps.troubles.all(),
    durationMs,
  }
}

interface CopiedFiles {
  readonly report: CopyInReport
  /** The files of the backup; filled only when strays have to be told from them. */
  readonly kept: PathSet
}

async function copyFiles(
  deps: RestoreDeps,
  { layout, workers }: RestoreJob,
  signal: AbortSignal,
): Promise<CopiedFiles> {
  const { record, use } = layout
  const { copies, troubles, progress } = deps
  const kept = new PathSet()
  const seen = { controlFile: false }
  const watched = async function* (): AsyncIterable<readonly ManifestFile[]> {
    for await (const group of readManifestFiles(copies, troubles, signal)) {
      if (use === 'delta')
        group.forEach(({ path }) => {
          kept.add(path)
        })
      seen.controlFile ||= group.some(({ path }) => path === controlFilePath)
      yield group.map(file => (file.path === controlFilePath ? { ...file, path: controlFileAside } : file))
    }
  }
  progress.phase('restoring files', record.sizes.rawBytes)
  const report = await copyIn(deps, { ...copyRequest(deps, layout), files: watched(), workers }, signal)
  if (seen.controlFile) return { report, kept }
  throw new Fault('OBJECT_CORRUPT', `the manifest of ${record.id} does not name ${controlFilePath}`, {
    hint: 'Restore from another backup (--backup ID), and run holdfast verify to see what else is damaged.',
  })
}

/** Where it is written, under a name that no server looks at. */
const controlFileAside = `${controlFilePath}.holdfast`

/** From here on a server can start: everything else is durable. */
async function publishControlFile(directory: string): Promise<void> {
  const path = join(directory, controlFilePath)
  try {
    await rename(join(directory, controlFileAside), path)
    const folder = await open(dirname(path), 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  } catch (error) {
    throw unwritable(path, error)
  }
}

function copyRequest(deps: RestoreDeps, layout: RestoreLayout): Omit<CopyInRequest, 'files' | 'workers'> {
  const { record, directory, directories, tablespaces, owner, use } = layout
  return {
    backup: record.id,
    copies: copiesToRead(deps.copies),
    onTrouble: trouble => {
      deps.troubles.add(trouble)
    },
    directories,
    targetDirectory: directory,
    synced: [directory, ...tablespaces.map(({ to }) => to)],
    owner,
    delta: use === 'delta',
  }
}

const backupManifestName = 'backup_manifest'

/** So that pg_verifybackup can judge the directory before a server starts on it. */
async function writeBackupManifest(
  { copies, troubles }: RestoreDeps,
  layout: RestoreLayout,
  signal: AbortSignal,
): Promise<void> {
  const nameIn = ({ record }: BackupCopy): string => record.backupManifest.name
  await fromFirstCopy(copies, { nameIn, troubles }, ({ source }, key) => {
    const stored = source.repository.storage.get(key, undefined, signal)
    return writeFile(layout, backupManifestName, decodeStream(stored, source.identities))
  })
}

/** Where files are written, and whom they belong to. */
export type FilesLayout = Pick<RestoreLayout, 'directory' | 'mode' | 'owner' | 'record'>

/** Returns the files that are there now and not in the backup. */
export async function writeRecovery(
  layout: FilesLayout,
  recovery: RecoverySettings,
): Promise<readonly string[]> {
  const { directory, record } = layout
  const existing = await readFile(join(directory, 'postgresql.auto.conf'), 'utf8').catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return ''
    throw unwritable(directory, error)
  })
  const files = recoveryFiles(existing, recovery, `backup ${record.id}`)
  const closed = recovery.closedIn === undefined ? [] : [closedHbaName]
  for (const name of closed) await writeFile(layout, name, [Buffer.from(closedHba())])
  await writeFile(layout, 'postgresql.auto.conf', [Buffer.from(files.autoConf)])
  await rm(join(directory, files.otherSignal), { force: true })
  await writeFile(layout, files.signal, [])
  return ['postgresql.auto.conf', files.signal, ...closed]
}

async function removeOthers(
  directory: string,
  kept: PathSet,
  written: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  for (const path of [backupManifestName, controlFileAside, ...written]) kept.add(path)
  return removeStrays(directory, kept, signal)
}

/** Whole or not at all, with the mode and owner of the cluster's own files. */
export async function writeFile(
  { directory, mode, owner }: FilesLayout,
  name: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const path = join(directory, name)
  const unfinished = `${path}.holdfast`
  try {
    const file = await open(unfinished, 'w', 0o600)
    try {
      for await (const piece of pieces) await file.writeFile(piece)
      await file.sync()
    } finally {
      await file.close()
    }
    await chmod(unfinished, mode & 0o050 ? 0o640 : 0o600)
    if (owner) await chown(unfinished, owner.userId, owner.groupId)
    await rename(unfinished, path)
  } catch (error) {
    if (error instanceof Fault) throw error
    throw unwritable(path, error)
  }
}

const unwritable = (path: string, cause: unknown): Fault =>
  new Fault(
    errnoOf(cause) === 'ENOSPC' ? 'SPACE' : 'TARGET_DIRECTORY',
    `${path} can not be written: ${messageOf(cause)}`,
    {
      hint: 'Look at the rights and the free space there, and run the same restore again: it goes on where it was.',
      cause,
    },
  )
