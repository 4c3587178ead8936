/** A worker that checks packs: reads each whole, and checks it from the outside in. */
import { createHash, type Hash } from 'node:crypto'
import { isFault, messageOf } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import { createPageChecker } from '../../../pipeline/page-checksum.ts'
import { decodeManifestFile } from '../../../repository/format/manifest-lines.ts'
import type { ManifestFile } from '../../../repository/format/manifest.ts'
import { readEntryLines, type EntryLog } from '../../../repository/packs/entry-log.ts'
import { hasStoredHash } from '../../../repository/stored-hash.ts'
import { createPackTools, openPack, type PackTools } from '../../../repository/packs/pack-reader.ts'
import type { Storage } from '../../../storage/storage.ts'
import type { CheckSetup, PackObject } from '../messages.ts'
import type { WorkerPort } from '../run-worker.ts'
import { PackWalk, type PageCheck } from './pack-walk.ts'
import { addCheckReports, emptyCheckReport, type CheckReport, type Damage } from './report.ts'

export async function runCheck(
  setup: CheckSetup,
  { storage, post, nextTask }: WorkerPort,
  signal: AbortSignal,
): Promise<void> {
  const checker = createPageChecker({ count: 1, sizeBytes: limits.frameSizeBytesMax })
  const tools = createPackTools(checker.buffers)
  const pages = setup.pages && { checker, rules: setup.pages }
  let report = emptyCheckReport
  try {
    for (let task = await nextTask(); task; task = await nextTask()) {
      if (task.kind !== 'check') throw new Error(`assertion failed: ${task.kind} is a task for another job`)
      const job = { setup, storage, tools, pages, pack: task.pack, entries: task.entries }
      report = addCheckReports(report, await checkPack(job, signal))
      post({ kind: 'advanced', bytes: task.pack.sizeBytes })
    }
    post({ kind: 'checked', report })
  } finally {
    tools.close()
  }
}

interface CheckJob {
  readonly setup: Pick<CheckSetup, 'keyPrefix' | 'identities'>
  readonly storage: Storage
  readonly tools: PackTools
  readonly pages: PageCheck | undefined
  readonly pack: PackObject
  readonly entries: EntryLog
}

/** Damage is told; only what has nothing to do with this pack (storage out of reach, a wrong key) is thrown. */
export async function checkPack(job: CheckJob, signal: AbortSignal): Promise<CheckReport> {
  const { pack, setup, storage } = job
  const object = pack.name
  try {
    const source = {
      storage,
      key: `${setup.keyPrefix}${pack.name}`,
      sizeBytes: pack.sizeBytes,
      identities: setup.identities,
    }
    const stored = await storage.stat(source.key, signal)
    if (!stored) return lost(job, [{ object, message: 'the object is missing' }])
    const sizeDamage =
      stored.sizeBytes === pack.sizeBytes
        ? []
        : [
            {
              object,
              message: `it has ${String(stored.sizeBytes)} bytes instead of ${String(pack.sizeBytes)}`,
            },
          ]
    const reader = await openPack(source, job.tools, signal)
    const walk = new PackWalk(filesOf(job.entries), job.pages)
    const digest = createHash('sha256')
    for await (const frame of reader.framesOfWhole(
      hashed(storage.get(source.key, undefined, signal), digest),
    ))
      walk.take(frame)
    walk.end(reader.index.rawBytes)
    const { damage, ...found } = walk.findings
    const sha256 = digest.digest('hex')
    const hashDamage =
      sha256 === pack.sha256
        ? []
        : [{ object, message: `its SHA-256 is ${sha256} instead of ${pack.sha256}` }]
    return {
      ...emptyCheckReport,
      ...found,
      packs: 1,
      damage: [...sizeDamage, ...hashDamage, ...damage.map(entry => ({ object, ...entry }))],
    }
  } catch (error) {
    if (isFault(error, 'OBJECT_CORRUPT', 'OBJECT_MISSING'))
      return lost(job, [{ object, message: messageOf(error) }])
    const key = `${setup.keyPrefix}${pack.name}`
    if (isFault(error, 'KEY_WRONG') && !(await hasStoredHash(storage, key, pack.sha256, signal)))
      return lost(job, [{ object, message: 'its header is damaged' }])
    throw error
  }
}

/** No file of the pack can be restored. */
function lost({ pack, entries }: CheckJob, damage: readonly Damage[]): CheckReport {
  const files = Array.from(filesOf(entries), ({ path }) => ({
    object: pack.name,
    path,
    message: 'its pack can not be read',
  }))
  return { ...emptyCheckReport, packs: 1, damage: [...damage, ...files] }
}

function* filesOf(entries: EntryLog): Generator<ManifestFile, void, undefined> {
  for (const line of readEntryLines(entries)) {
    const file = decodeManifestFile(line)
    if (!file)
      throw new Error('assertion failed: entry logs hold lines that were checked when the manifest was read')
    yield file
  }
}

async function* hashed(
  stream: AsyncIterable<Uint8Array>,
  digest: Hash,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of stream) {
    digest.update(piece)
    yield piece
  }
}
