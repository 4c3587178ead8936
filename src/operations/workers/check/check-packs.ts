/** Checks the packs of a backup against its manifest, with a crew of workers. */
import { encodeManifestFile } from '../../../repository/format/manifest-lines.ts'
import type { PackRecord } from '../../../repository/format/backup-record.ts'
import type { ManifestFile } from '../../../repository/format/manifest.ts'
import { EntryLogWriter, type EntryLog } from '../../../repository/packs/entry-log.ts'
import type { StorageDescription } from '../../../storage/open.ts'
import type { PageRules } from '../copy-out/report.ts'
import { packsByNumber } from '../copy-in/tasks.ts'
import { runCrew, type WorkerHost } from '../crew.ts'
import type { CheckSetup, PackObject } from '../messages.ts'
import { addCheckReports, emptyCheckReport, type CheckReport, type Damage } from './report.ts'

export interface CheckPacksRequest {
  readonly storage: StorageDescription
  readonly keyPrefix: string
  readonly identities: readonly string[]
  readonly packs: readonly PackRecord[]
  /** From the manifest: files of a pack together, in the order of their offsets. */
  readonly files: AsyncIterable<readonly ManifestFile[]>
  readonly pages: PageRules | undefined
  readonly workers: number
}

/** Damage is reported, all of it; only what keeps the check from being made is thrown. */
export async function checkPacks(
  host: WorkerHost,
  request: CheckPacksRequest,
  signal: AbortSignal,
): Promise<CheckReport> {
  const unnamed: Damage[] = []
  const tasks = tasksOf(request.files, packsByNumber(request.packs), unnamed)
  let report = emptyCheckReport
  await runCrew(
    host,
    {
      setups: setupsOf(request),
      async onMessage(message, reply) {
        if (message.kind === 'checked') report = addCheckReports(report, message.report)
        if (message.kind !== 'idle') return
        const { done, value } = await tasks.next()
        reply(done === true ? { kind: 'finish' } : { kind: 'check', ...value })
      },
    },
    signal,
  )
  return addCheckReports(report, { ...emptyCheckReport, damage: unnamed })
}

interface CheckTask {
  readonly pack: PackObject
  readonly entries: EntryLog
}

/** A task a pack, also for packs without files. What is wrong with the manifest itself goes to `damage`. */
async function* tasksOf(
  files: AsyncIterable<readonly ManifestFile[]>,
  packs: ReadonlyMap<number, PackObject>,
  damage: Damage[],
): AsyncGenerator<CheckTask, void, undefined> {
  const left = new Map(packs)
  const log = new EntryLogWriter()
  let current: number | undefined
  const close = function* (): Generator<CheckTask, void, undefined> {
    const pack = left.get(current ?? 0)
    const entries = log.take()
    if (pack) yield { pack, entries }
    else if (current !== undefined)
      damage.push({ object: `pack ${String(current)}`, message: 'backup.json does not name it' })
    left.delete(current ?? 0)
  }
  for await (const group of files) {
    for (const file of group) {
      if (file.pack !== current) yield* close()
      current = file.pack
      log.add(encodeManifestFile(file))
    }
  }
  yield* close()
  for (const pack of left.values()) yield { pack, entries: [] }
}

function setupsOf({
  workers,
  storage,
  identities,
  keyPrefix,
  pages,
}: CheckPacksRequest): readonly CheckSetup[] {
  const setup: CheckSetup = { job: 'check', storage, identities, keyPrefix, pages }
  return Array.from({ length: Math.max(1, workers) }, () => setup)
}
