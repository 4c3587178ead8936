/** WAL files are opened in threads of their own: each on its own account, with memory that is used again. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { silentProgress } from '../../../base/progress.ts'
import { MiB } from '../../../base/units.ts'
import { systemWorld } from '../../../base/world.ts'
import { generateIdentity } from '../../../pipeline/age.ts'
import { encodeWalFile, type StoredWal } from '../../../repository/wal-store.ts'
import { openDecodeWalCrew } from './decode-wal-crew.ts'

const host = {
  world: systemWorld(),
  progress: silentProgress,
  worker: new URL('../../../worker.ts', import.meta.url),
}
const { signal } = new AbortController()
const keys = await generateIdentity()

async function stored(name: string, bytes: Uint8Array): Promise<StoredWal> {
  const head = {
    name,
    sizeBytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    systemIdentifier: '7000000000000000001',
  }
  const open = async function* (): AsyncGenerator<Uint8Array> {
    yield* [bytes]
  }
  const { pieces } = await encodeWalFile(
    { name, open, head: () => head },
    { level: 1, recipients: [keys.recipient] },
  )
  return { stored: Buffer.concat(pieces), key: `wal/${name}.zst.age`, name, identities: [keys.identity] }
}

const nameOf = (n: number): string => `0000000100000000000000${n.toString(16).padStart(2, '0').toUpperCase()}`
const contentOf = (n: number): Uint8Array => new Uint8Array(2 * MiB + n).fill(n)

test('several at a time, with the memory of those that are done with; a damaged one fails alone', async () => {
  await using crew = openDecodeWalCrew(host, 2, signal)
  const files = await Promise.all([1, 2, 3, 4, 5].map(n => stored(nameOf(n), contentOf(n))))
  for (let round = 0; round < 2; round++) {
    await Promise.all(
      files.map(async (file, i) => {
        const bytes = await crew.open(file)
        expect(Buffer.compare(bytes, contentOf(i + 1))).toBe(0)
        crew.recycle(bytes)
      }),
    )
    const [first] = files
    const damaged = { ...first!, stored: Uint8Array.from(first!.stored).fill(7, -30, -10) }
    await expect(crew.open(damaged)).rejects.toMatchObject({ code: 'OBJECT_CORRUPT' })
    await expect(crew.open({ ...first!, identities: [] })).rejects.toMatchObject({ code: 'KEY_MISSING' })
  }
})

test('a crew that was asked for nothing has no threads to end', async () => {
  await using crew = openDecodeWalCrew(host, 2, signal)
  expect(crew).toBeDefined()
})
