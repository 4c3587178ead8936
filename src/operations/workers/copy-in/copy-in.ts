/** Copies files of a backup into a directory, with a crew of workers. */
import type { PackRecord } from '../../../repository/format/backup-record.ts'
import type { ManifestDirectory, ManifestFile } from '../../../repository/format/manifest.ts'
import type { StorageDescription } from '../../../storage/open.ts'
import { runCrew, type WorkerHost } from '../crew.ts'
import type { CopyInReport, CopyInSetup, FileOwner } from '../messages.ts'
import { makeDirectories } from './make-directories.ts'
import { syncTrees } from './sync-trees.ts'
import { packsByNumber, tasksOf } from './tasks.ts'

export interface CopyInRequest {
  /** The id, for messages. */
  readonly backup: string
  readonly storage: StorageDescription
  /** What the keys of packs begin with: the backup's folder, with a slash at the end. */
  readonly keyPrefix: string
  readonly identities: readonly string[]
  /** From backup.json. */
  readonly packs: readonly PackRecord[]
  readonly directories: readonly ManifestDirectory[]
  /** From the manifest: files of a pack together, in the order of their offsets. */
  readonly files: AsyncIterable<readonly ManifestFile[]>
  /** Which of the files to restore; all when not given. */
  readonly select?: (file: ManifestFile) => boolean
  /** Exists. Tablespaces are reached by way of its links `pg_tblspc/<oid>`, which exist, too. */
  readonly targetDirectory: string
  /** What to sync at the end besides the target directory: places of tablespaces. */
  readonly otherTrees: readonly string[]
  /** Whom files and directories shall belong to; undefined: whoever runs this. */
  readonly owner: FileOwner | undefined
  /** Keep files whose size and CRC-32C are right already. */
  readonly delta: boolean
  readonly workers: number
}

/** Every file has the checksum that the manifest tells, and all is durable, when this returns. */
export async function copyIn(
  host: WorkerHost,
  request: CopyInRequest,
  signal: AbortSignal,
): Promise<CopyInReport> {
  await makeDirectories(request.targetDirectory, request.directories, request.owner)
  const tasks = tasksOf(request.files, packsByNumber(request.packs), request.select ?? (() => true))
  let report: CopyInReport = { files: 0, bytes: 0, filesKept: 0, bytesKept: 0 }
  await runCrew(
    host,
    {
      setups: setupsOf(request),
      async onMessage(message, reply) {
        if (message.kind === 'idle') {
          const { done, value } = await tasks.next()
          reply(done === true ? { kind: 'finish' } : { kind: 'copy-in', ...value })
        }
        if (message.kind === 'copied-in') report = add(report, message.report)
      },
    },
    signal,
  )
  host.progress.phase('syncing to disk')
  await syncTrees([request.targetDirectory, ...request.otherTrees], signal)
  return report
}

function setupsOf({
  workers,
  backup,
  storage,
  identities,
  keyPrefix,
  targetDirectory,
  owner,
  delta,
}: CopyInRequest): readonly CopyInSetup[] {
  const setup: CopyInSetup = {
    job: 'copy-in',
    backup,
    storage,
    identities,
    keyPrefix,
    targetDirectory,
    owner,
    delta,
  }
  return Array.from({ length: Math.max(1, workers) }, () => setup)
}

const add = (a: CopyInReport, b: CopyInReport): CopyInReport => ({
  files: a.files + b.files,
  bytes: a.bytes + b.bytes,
  filesKept: a.filesKept + b.filesKept,
  bytesKept: a.bytesKept + b.bytesKept,
})
