/** Copies files of a backup into a directory, with a crew of workers. */
import type { PackRecord } from '../../../repository/format/backup-record.ts'
import type { ManifestDirectory, ManifestFile } from '../../../repository/format/manifest.ts'
import type { Storage } from '../../../storage/storage.ts'
import type { ReadAhead } from '../../../storage/with-read-ahead.ts'
import { limits } from '../../../base/limits.ts'
import type { Trouble } from '../../sources/trouble.ts'
import { runCrew, type WorkerHost } from '../crew.ts'
import type { BackupPlace, CopyInReport, CopyInSetup, FileOwner } from '../messages.ts'
import type { HereRequest } from './copy-here.ts'
import { makeDirectories } from './make-directories.ts'
import { syncTrees } from './sync-trees.ts'
import { copiesByNumber, taskSizesFor, tasksOf, type CopyInTask } from './tasks.ts'

export interface CopyInRequest {
  /** The id, for messages. */
  readonly backup: string
  /** The repositories that hold it, the one to read from first. */
  readonly copies: readonly CopyToRead[]
  /** Told when one of them did not give what it should have, and another one did. */
  readonly onTrouble?: (trouble: Trouble) => void
  readonly directories: readonly ManifestDirectory[]
  /** From the manifest: files of a pack together, in the order of their offsets. */
  readonly files: AsyncIterable<readonly ManifestFile[]>
  /** Which of the files to restore; all when not given. */
  readonly select?: (file: ManifestFile) => boolean
  /** Exists. Tablespaces are reached by way of its links `pg_tblspc/<oid>`, which exist, too. */
  readonly targetDirectory: string
  /** What is to be durable at the end: the target directory and the places of tablespaces; nothing of what is thrown away again. */
  readonly synced: readonly string[]
  /** Whom files and directories shall belong to; undefined: whoever runs this. */
  readonly owner: FileOwner | undefined
  /** Keep files whose size and CRC-32C are right already. */
  readonly delta: boolean
  readonly workers: number
  /** On this thread, without workers, which is quicker for a few small files: the storages of `copies`, as they are open here. */
  readonly here?: readonly Storage[]
}

export interface CopyToRead extends BackupPlace {
  /** From its own `backup.json`. */
  readonly packs: readonly PackRecord[]
}

/** Every file has the checksum that the manifest tells, and what was asked for is durable, when this returns. */
export async function copyIn(
  host: WorkerHost,
  request: CopyInRequest,
  signal: AbortSignal,
): Promise<CopyInReport> {
  await makeDirectories(request.targetDirectory, request.directories, request.owner)
  const tasks = tasksOf(request.files, copiesByNumber(request.copies.map(({ packs }) => packs)), {
    select: request.select ?? (() => true),
    ...taskSizesFor(totalOf(request), request.workers),
  })
  const { here } = request
  const report = here
    ? await copyOnThisThread(host, request, { tasks, storages: here }, signal)
    : await copyWithCrew(host, request, tasks, signal)
  if (request.synced.length > 0) {
    host.progress.phase('syncing to disk')
    await syncTrees(request.synced, signal)
  }
  return report
}

async function copyOnThisThread(
  host: WorkerHost,
  request: CopyInRequest,
  from: Pick<HereRequest, 'tasks' | 'storages'>,
  signal: AbortSignal,
): Promise<CopyInReport> {
  const { copyHere } = await import('./copy-here.ts')
  const onTrouble = request.onTrouble ?? (() => undefined)
  return copyHere(host, { ...from, setup: setupOf(request), onTrouble }, signal)
}

async function copyWithCrew(
  host: WorkerHost,
  request: CopyInRequest,
  tasks: AsyncGenerator<CopyInTask, void, undefined>,
  signal: AbortSignal,
): Promise<CopyInReport> {
  let report: CopyInReport = { files: 0, bytes: 0, filesKept: 0, bytesKept: 0, bytesFetched: 0 }
  await runCrew(
    host,
    {
      setups: Array.from({ length: request.workers }, () => setupOf(request)),
      async onMessage(message, reply) {
        if (message.kind === 'idle') {
          const { done, value } = await tasks.next()
          reply(done === true ? { kind: 'finish' } : { kind: 'copy-in', ...value })
        }
        if (message.kind === 'passed-over') request.onTrouble?.(message.trouble)
        if (message.kind === 'copied-in') report = add(report, message.report)
      },
    },
    signal,
  )
  return report
}

/** All copies of a backup hold the same files. */
function totalOf({ copies }: CopyInRequest): { readonly rawBytes: number; readonly files: number } {
  const packs = copies[0]?.packs ?? []
  return {
    rawBytes: packs.reduce((sum, { rawBytes }) => sum + rawBytes, 0),
    files: packs.reduce((sum, { files }) => sum + files, 0),
  }
}

function setupOf({ backup, copies, targetDirectory, owner, delta, workers }: CopyInRequest): CopyInSetup {
  return {
    job: 'copy-in',
    backup,
    places: copies.map(({ repository, storage, keyPrefix, identities }) => ({
      repository,
      storage,
      keyPrefix,
      identities,
    })),
    readAhead: readAheadOf(workers),
    targetDirectory,
    owner,
    delta,
  }
}

/** The more workers, the less each has on its way: together it is enough, and memory stays what it is. */
function readAheadOf(workers: number): ReadAhead {
  const { readAheadPartSizeBytesMin: least, readAheadPartSizeBytesMax: most, readAheadPartsMax } = limits
  const share = Math.floor(limits.readAheadSizeBytesMax / workers)
  // Two at least: one arrives while the other is consumed.
  const partSizeBytesMax = Math.max(least, Math.min(most, Math.floor(share / 2)))
  return {
    partSizeBytesMax,
    partsMax: readAheadPartsMax,
    sizeBytesMax: Math.max(share, 2 * partSizeBytesMax),
    lends: true,
  }
}

const add = (a: CopyInReport, b: CopyInReport): CopyInReport => ({
  files: a.files + b.files,
  bytes: a.bytes + b.bytes,
  filesKept: a.filesKept + b.filesKept,
  bytesKept: a.bytesKept + b.bytesKept,
  bytesFetched: a.bytesFetched + b.bytesFetched,
})
