import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { frameSizeBytes, makePack, never, withObject, type MadePack } from '../../../test/support/pack-lab.ts'
import { generateIdentity } from '../../pipeline/age.ts'
import type { Storage } from '../../storage/storage.ts'
import { alignedBuffers } from '../../base/aligned-buffers.ts'
import { createPackTools, openPack, type PackReader } from './pack-reader.ts'

const KiB = 1024
const MiB = 1024 * KiB
/** Small ones together, one that fills a frame, ones over several frames, an empty one, odd sizes. */
const sizes = [0, 1, 511, 512, 513, 8 * KiB, MiB, 3 * MiB + 7, 100 * KiB, 0, 5 * MiB, 900 * KiB, 200 * KiB, 1]

async function read(
  storage: Storage,
  { key, summary }: MadePack,
  identities: readonly string[],
): Promise<PackReader> {
  return openPack(
    { storage, key, sizeBytes: summary.sizeBytes, identities },
    createPackTools(alignedBuffers(2, 1024 * 1024)),
    never,
  )
}

/** A file's bytes, read by range. */
async function readFile(
  reader: PackReader,
  { offsetBytes, sizeBytes }: { offsetBytes: number; sizeBytes: number },
): Promise<Buffer> {
  const parts: Uint8Array[] = []
  if (sizeBytes === 0) return Buffer.alloc(0)
  const [first, last] = [reader.index.frameAt(offsetBytes), reader.index.frameAt(offsetBytes + sizeBytes - 1)]
  for await (const { frame, bytes, damage } of reader.frames(first, last, never)) {
    if (!bytes) throw damage ?? new Error('no bytes')
    const start = Math.max(0, offsetBytes - frame.rawOffsetBytes)
    parts.push(Uint8Array.from(bytes.subarray(start, offsetBytes + sizeBytes - frame.rawOffsetBytes)))
  }
  return Buffer.concat(parts)
}

let identity = ''
let recipient = ''
beforeAll(async () => {
  ;({ identity, recipient } = await generateIdentity())
})

describe.each(['sealed', 'not sealed'])('a pack, %s', how => {
  let pack: MadePack
  beforeAll(async () => {
    pack = await makePack(sizes, how === 'sealed' ? [recipient] : [])
  })

  test('tells its own size and SHA-256', async () => {
    await withObject(pack, bytes => {
      expect(bytes.length).toBe(pack.summary.sizeBytes)
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(pack.summary.sha256)
      return bytes
    })
  })

  test('gives back each file by range', async () => {
    const reader = await read(pack.storage, pack, [identity])
    expect(reader.index.rawBytes).toBe(pack.summary.rawBytes)
    for (const file of pack.files)
      expect((await readFile(reader, file)).equals(pack.contents.get(file.path)!)).toBe(true)
  })

  test('begins a frame with the data of every file that does not fit the one before', async () => {
    const { index } = await read(pack.storage, pack, [identity])
    for (const file of pack.files) {
      const frame = index.frame(index.frameAt(file.offsetBytes))
      const fits = file.offsetBytes + file.sizeBytes <= frame.rawOffsetBytes + frame.rawBytes
      expect(fits || frame.rawOffsetBytes === file.offsetBytes).toBe(true)
      for (let at = frameSizeBytes; at < file.sizeBytes; at += frameSizeBytes) {
        expect(index.frame(index.frameAt(file.offsetBytes + at)).rawOffsetBytes).toBe(file.offsetBytes + at)
      }
    }
  })

  test('is unpacked by age, zstd and tar alone', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-pack-'))
    try {
      await withObject(pack, bytes => {
        writeFileSync(join(folder, 'pack'), bytes)
        return bytes
      })
      writeFileSync(join(folder, 'key'), `${identity}\n`)
      const open = how === 'sealed' ? 'age -d -i key pack' : 'cat pack'
      execFileSync('sh', ['-c', `${open} | zstd -d | tar x`], { cwd: folder })
      for (const [path, bytes] of pack.contents)
        expect(readFileSync(join(folder, path)).equals(bytes)).toBe(true)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('hands out nothing of a frame with a changed byte, and all of the others', async () => {
    const whole = await read(pack.storage, pack, [identity])
    const hit = 4
    const { storedOffsetBytes, storedBytes } = whole.index.frame(hit)
    const { startBytes } = whole.layout.storedRange(storedOffsetBytes, storedOffsetBytes + storedBytes)
    const at = startBytes + (storedOffsetBytes - whole.layout.plainStart(storedOffsetBytes)) + 1000
    const storage = await withObject(pack, bytes => {
      bytes[at] = (bytes[at] ?? 0) ^ 1
      return bytes
    })
    const reader = await read(storage, pack, [identity])
    const damaged: number[] = []
    for await (const { frame, bytes, damage } of reader.frames(0, reader.index.count - 1, never)) {
      expect(bytes === undefined).toBe(damage !== undefined)
      if (damage) damaged.push(frame.index)
    }
    expect(damaged).toContain(hit)
    // A sealed chunk of 64 KiB may hold parts of two frames.
    expect(damaged.length).toBeLessThanOrEqual(how === 'sealed' ? 2 : 1)
  })

  test('that is cut off is refused', async () => {
    for (const keep of [0, 10, 1000, pack.summary.sizeBytes - 1]) {
      const storage = await withObject(pack, bytes => bytes.subarray(0, keep))
      await expect(read(storage, pack, [identity])).rejects.toMatchObject({ code: 'OBJECT_CORRUPT' })
    }
  })

  test('that ends too early for its frames tells which are lost', async () => {
    const reader = await read(pack.storage, pack, [identity])
    const damaged: number[] = []
    const storage = await withObject(pack, bytes => bytes.subarray(0, bytes.length / 2))
    for await (const { frame, damage } of reader.framesOfWhole(storage.get(pack.key, undefined, never))) {
      if (damage) damaged.push(frame.index)
    }
    expect(damaged.length).toBeGreaterThan(0)
    expect(damaged[damaged.length - 1]).toBe(reader.index.count - 1)
    expect(damaged.length).toBe(reader.index.count - (damaged[0] ?? 0))
  })
})

test('a pack is not opened with another key, nor without one', async () => {
  const pack = await makePack([10], [recipient])
  const other = await generateIdentity()
  await expect(read(pack.storage, pack, [other.identity])).rejects.toMatchObject({ code: 'KEY_WRONG' })
  await expect(read(pack.storage, pack, [])).rejects.toMatchObject({ code: 'KEY_MISSING' })
})

/** Frames that compress to little more than nothing: most of them give the storage nothing to write. */
test.each(['sealed', 'not sealed'])('a pack of empty pages, %s, is stored as it was meant', async how => {
  const pages = (sizeBytes: number, seed: number): Buffer => {
    const bytes = Buffer.alloc(sizeBytes, seed)
    for (let at = 0; at < sizeBytes; at += 97) bytes.writeUInt8((at * seed) % 251, at)
    return bytes
  }
  const pack = await makePack(
    Array.from({ length: 40 }, () => 3 * MiB),
    how === 'sealed' ? [recipient] : [],
    pages,
  )
  await withObject(pack, bytes => {
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(pack.summary.sha256)
    return bytes
  })
  const reader = await read(pack.storage, pack, [identity])
  for (const file of pack.files) {
    expect((await readFile(reader, file)).equals(pack.contents.get(file.path)!)).toBe(true)
  }
})

/** Nothing that a disk or an enemy does to the bytes may give wrong ones, or anything else than a fault. */
test.each(['sealed', 'not sealed'])(
  'a pack, %s, with anything changed in it gives the right bytes or a fault',
  async how => {
    const pack = await makePack([700 * KiB, 20 * KiB, 1200 * KiB, 5], how === 'sealed' ? [recipient] : [])
    const whole: Buffer[] = []
    const reader = await read(pack.storage, pack, [identity])
    for await (const { bytes } of reader.frames(0, reader.index.count - 1, never))
      whole.push(Buffer.from(bytes!))
    const change = fc.record({
      from: fc.nat(),
      near: fc.nat(300),
      length: fc.integer({ min: 1, max: 9 }),
      by: fc.integer({ min: 1, max: 255 }),
    })
    await fc.assert(
      fc.asyncProperty(change, fc.boolean(), async ({ from, near, length, by }, atEnd) => {
        const storage = await withObject(pack, bytes => {
          const at = atEnd ? bytes.length - 1 - near : from % bytes.length
          for (let i = at; i < Math.min(bytes.length, at + length); i++) bytes[i] = (bytes[i] ?? 0) ^ by
          return bytes
        })
        const outcome = await read(storage, pack, [identity]).catch((error: unknown) => error)
        if (outcome instanceof Error) {
          expect(outcome).toMatchObject({ name: 'Fault' })
          return
        }
        const changed = outcome as PackReader
        for await (const { frame, bytes, damage } of changed.frames(0, changed.index.count - 1, never)) {
          if (bytes) expect(whole[frame.index]?.equals(bytes)).toBe(true)
          else expect(damage).toMatchObject({ code: 'OBJECT_CORRUPT' })
        }
      }),
      { numRuns: 150 },
    )
  },
)
