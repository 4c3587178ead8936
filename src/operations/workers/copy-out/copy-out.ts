/** Copies a data directory into packs, with a crew of workers. */
import type { Encoding } from '../../../pipeline/codec.ts'
import type { TarEntry } from '../../../pipeline/tar.ts'
import type { StorageDescription } from '../../../storage/open.ts'
import { runCrew, type WorkerHost } from '../crew.ts'
import { decodeFailure, type CopyOutSetup, type FinishedPack, type MirrorSetup } from '../messages.ts'
import type { WorkQueue } from '../work-queue.ts'
import { addReports, emptyReport, type CopyOutReport, type PageRules } from './report.ts'

export interface CopyOutRequest {
  readonly dataDirectory: string
  readonly storage: StorageDescription
  /** Several, written at the same time. */
  readonly mirror?: CopyOutMirror | undefined
  /** What the keys of packs begin with: the backup's folder, with a slash at the end. */
  readonly keyPrefix: string
  readonly encoding: Encoding
  /** Undefined: the cluster has no data checksums. */
  readonly pages: PageRules | undefined
  readonly queue: WorkQueue
  /** Directories (parents first) and links. */
  readonly entries: readonly TarEntry[]
  readonly workers: number
}

export interface CopyOutMirror extends MirrorSetup {
  readonly onDropped: (member: number, error: Error) => void
}

export interface CopyOutResult {
  /** In the order of their numbers, which need not be without gaps before `openLastPack` adds its own. */
  readonly packs: readonly FinishedPack[]
  readonly report: CopyOutReport
}

/** Everything is durable when this returns. */
export async function copyOut(
  host: WorkerHost,
  request: CopyOutRequest,
  signal: AbortSignal,
): Promise<CopyOutResult> {
  const packs: FinishedPack[] = []
  let report = emptyReport
  host.progress.phase('copying files', request.queue.totalBytes)
  await runCrew(
    host,
    {
      setups: setupsOf(request),
      onMessage: message => {
        if (message.kind === 'packed') packs.push(message.pack)
        if (message.kind === 'dropped')
          request.mirror?.onDropped(message.member, decodeFailure(message.failure))
        if (message.kind === 'copied-out') report = addReports(report, message.report)
      },
    },
    signal,
  )
  return { packs: packs.toSorted((a, b) => a.number - b.number), report }
}

function setupsOf({
  workers,
  entries,
  storage,
  mirror,
  dataDirectory,
  keyPrefix,
  encoding,
  pages,
  queue,
}: CopyOutRequest): readonly CopyOutSetup[] {
  const packCounter = new SharedArrayBuffer(4)
  new Uint32Array(packCounter)[0] = 1
  return Array.from({ length: Math.max(1, workers) }, (_, i) => ({
    job: 'copy-out',
    storage,
    mirror: mirror && { members: mirror.members, flags: mirror.flags },
    dataDirectory,
    keyPrefix,
    encoding,
    pages,
    queue,
    packCounter,
    firstEntries: i === 0 ? entries : undefined,
  }))
}
