/**
 * The last pack of a backup, filled in the main thread: what has to be copied when everything else is there (pg_control),
 * and files that are made and not copied (backup_label, tablespace_map, backup_manifest).
 */
import { assert } from '../../../base/assert.ts'
import { Fault } from '../../../base/fault.ts'
import type { World } from '../../../base/world.ts'
import { crc32c } from '../../../pipeline/crc32c.ts'
import type { Storage } from '../../../storage/storage.ts'
import type { FileOwner, FinishedPack } from '../messages.ts'
import type { CopyOutRequest } from './copy-out.ts'
import { createCopyTools } from './copy-out-worker.ts'
import { FileCopier } from './file-copier.ts'
import { PackSeries } from './pack-series.ts'

export interface LastPack extends AsyncDisposable {
  /** Copies a file of the data directory now. */
  copy(path: string, signal: AbortSignal): Promise<void>
  /** Adds a file whose bytes are made while it is written; they must be as many as said. Returns their CRC-32C. */
  add(file: MadeFile, signal: AbortSignal): Promise<number>
  /** Makes the pack durable. When this is not called, disposing throws the pack away. */
  finish(): Promise<FinishedPack>
}

export interface MadeFile {
  /** Relative to the data directory. */
  readonly path: string
  readonly mode: number
  readonly sizeBytes: number
  readonly bytes: Iterable<Uint8Array>
}

type LastPackRequest = Pick<CopyOutRequest, 'dataDirectory' | 'keyPrefix' | 'encoding'> & {
  readonly storage: Storage
  /** Whom files that are made belong to in the tar archive: the data directory's owner. */
  readonly owner: FileOwner
  /** One more than that of the last pack there is. */
  readonly number: number
}

export function openLastPack(world: World, request: LastPackRequest): LastPack {
  const { press } = createCopyTools(request)
  const finished: FinishedPack[] = []
  const series = new PackSeries({
    storage: request.storage,
    keyPrefix: request.keyPrefix,
    press,
    nextNumber: () => request.number,
    onPack: pack => finished.push(pack),
  })
  const copier = new FileCopier({
    dataDirectory: request.dataDirectory,
    series,
    pages: undefined,
    onProgress: () => undefined,
  })
  return {
    async copy(path, signal) {
      if (!(await copier.copy(path, signal))) throw missing(path)
    },
    add: (file, signal) => addMade({ series, world, owner: request.owner }, file, signal),
    async finish() {
      await series.finish()
      const [pack] = finished
      if (!pack) throw new Error('assertion failed: the last pack holds a file')
      return pack
    },
    async [Symbol.asyncDispose]() {
      await series.abort()
      press.close()
    },
  }
}

interface Series {
  readonly series: PackSeries
  readonly world: World
  readonly owner: FileOwner
}

async function addMade(
  { series, world, owner }: Series,
  file: MadeFile,
  signal: AbortSignal,
): Promise<number> {
  const { path, mode, sizeBytes, bytes } = file
  const pack = await series.writer(signal)
  const modifiedMs = world.clock.now()
  const offsetBytes = await pack.beginEntry({ kind: 'file', path, sizeBytes, modifiedMs, mode, ...owner })
  let crc = 0
  for (const piece of bytes) {
    for (let rest = piece; rest.length > 0;) {
      const room = pack.room().subarray(0, rest.length)
      assert(room.length > 0, `${path} has as many bytes as were said`)
      room.set(rest.subarray(0, room.length))
      crc = crc32c(room, crc)
      rest = rest.subarray(room.length)
      await pack.advance(room.length)
      signal.throwIfAborted()
    }
  }
  await pack.endEntry()
  await series.record({ path, sizeBytes, modifiedMs, mode, crc32c: crc, offsetBytes })
  return crc
}

const missing = (path: string): Fault =>
  new Fault('DATA_DIRECTORY', `${path} is not in the data directory`, {
    hint: 'Check that the configured connection leads to the server whose data directory this is.',
  })
