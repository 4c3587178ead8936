/** Packs in memory, for tests: files of chosen sizes, written and read back by way of a storage in memory. */
import { limits } from '../../src/base/limits.ts'
import { crc32c } from '../../src/pipeline/crc32c.ts'
import type { ManifestFile } from '../../src/repository/format/manifest.ts'
import { createPackPress } from '../../src/repository/packs/pack-press.ts'
import { openPackWriter, type PackSummary } from '../../src/repository/packs/pack-writer.ts'
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts'
import type { Storage } from '../../src/storage/storage.ts'

export const never = new AbortController().signal

export interface MadePack {
  readonly storage: Storage
  readonly key: string
  readonly summary: PackSummary
  readonly files: readonly ManifestFile[]
  readonly contents: ReadonlyMap<string, Uint8Array>
}

/** Bytes that compress to about half, different for each seed. */
export function someBytes(sizeBytes: number, seed: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes)
  let state = (seed * 2_654_435_761) >>> 0
  for (let i = 0; i < sizeBytes; i++) {
    if (i % 3 !== 0) state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[i] = i % 3 === 0 ? seed : state >>> 24
  }
  return bytes
}

/**
 * A storage that reads what it is told to write as late as the port allows: just before the promise of `write`
 * resolves. Whoever changes the bytes before that stores something else than was meant.
 */
export function lateStorage(inner: Storage): Storage {
  return {
    ...inner,
    async create(key, signal) {
      const writer = await inner.create(key, signal)
      return {
        async write(bytes) {
          await new Promise(resolve => setTimeout(resolve, 2))
          await writer.write(Uint8Array.from(bytes))
        },
        commit: () => writer.commit(),
        abort: () => writer.abort(),
      }
    },
  }
}

/** Writes one pack with a directory and files `f0`, `f1`, … of these sizes. */
export async function makePack(
  sizes: readonly number[],
  recipients: readonly string[],
  bytesOf: (sizeBytes: number, seed: number) => Buffer = someBytes,
): Promise<MadePack> {
  const storage = lateStorage(openMemoryStorage({ now: () => 0 }))
  const key = 'c/backups/b/data/00001.tar.zst'
  const press = createPackPress({ level: 1, recipients })
  const object = await storage.create(key, never)
  const pack = await openPackWriter(press, object)
  const common = { modifiedMs: 1000, mode: 0o600, userId: 0, groupId: 0 }
  await pack.beginEntry({ kind: 'directory', path: 'base', sizeBytes: 0, ...common })
  await pack.endEntry()
  const files: ManifestFile[] = []
  const contents = new Map<string, Uint8Array>()
  for (const [i, sizeBytes] of sizes.entries()) {
    const path = `base/f${String(i)}`
    const bytes = bytesOf(sizeBytes, i + 1)
    const offsetBytes = await pack.beginEntry({ kind: 'file', path, sizeBytes, ...common })
    for (let at = 0; at < sizeBytes;) {
      const room = pack.room()
      room.set(bytes.subarray(at, at + room.length))
      at += room.length
      await pack.advance(room.length)
    }
    await pack.endEntry()
    files.push({
      path,
      sizeBytes,
      modifiedMs: 1000,
      mode: 0o600,
      crc32c: crc32c(bytes),
      pack: 1,
      offsetBytes,
    })
    contents.set(path, bytes)
  }
  const summary = await pack.finish()
  await object.commit()
  press.close()
  return { storage, key, summary, files, contents }
}

/** The object's bytes, changed, in a storage of their own. */
export async function withObject(
  { storage, key }: Pick<MadePack, 'storage' | 'key'>,
  change: (bytes: Buffer) => Uint8Array,
): Promise<Storage> {
  const parts: Uint8Array[] = []
  for await (const piece of storage.get(key, undefined, never)) parts.push(Uint8Array.from(piece))
  const changed = change(Buffer.concat(parts))
  const other = openMemoryStorage({ now: () => 0 })
  await other.put(
    key,
    {
      sizeBytes: changed.length,
      async *open() {
        yield changed
      },
    },
    never,
  )
  return other
}

export const frameSizeBytes = limits.frameSizeBytesMax
