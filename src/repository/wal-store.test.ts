import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pattern } from '../../test/contract/tools.ts'
import { isFault, type FaultCode } from '../base/fault.ts'
import { simWorld } from '../base/world.ts'
import { generateIdentity } from '../pipeline/age.ts'
import { openMemoryStorage } from '../storage/drivers/memory.ts'
import { bodyOf, type Storage } from '../storage/storage.ts'
import { faultsAt, withFaults } from '../storage/with-faults.ts'
import type { WalHead } from './format/wal-head.ts'
import { initRepository, openRepository } from './repository.ts'
import { openWalStore, type WalFileToStore, type WalStore } from './wal-store.ts'

const signal = new AbortController().signal
const world = simWorld({ startMs: Date.UTC(2026, 2, 1) })
const keys = await generateIdentity()
const identity = {
  cluster: 'gathr',
  systemIdentifier: '7481',
  postgresMajor: 15,
  walSegmentSizeBytes: 1 << 24,
}
const fault =
  (code: FaultCode, word = '') =>
  (error: unknown) =>
    isFault(error, code) && error.message.includes(word)

const segment = '0000000100000016000000B3'
const encrypted = { level: 3, recipients: [keys.recipient] }
const plain = { level: 3, recipients: [] }

interface Sample extends WalFileToStore {
  readonly bytes: Uint8Array
}

function fileOf(name: string, bytes: Uint8Array, more: Partial<WalHead> = {}): Sample {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return {
    name,
    bytes,
    async *open() {
      yield bytes
    },
    head: () => ({ name, sizeBytes: bytes.length, sha256, ...more }),
  }
}

async function setUp(
  encoding = encrypted,
): Promise<{ storage: Storage; store: WalStore; open: typeof openStore }> {
  const storage = openMemoryStorage(world.clock)
  await initRepository(storage, identity, world, signal)
  return { storage, store: await openStore(storage, encoding), open: openStore }
}

async function openStore(
  storage: Storage,
  encoding = encrypted,
  identities = [keys.identity],
): Promise<WalStore> {
  return openWalStore(await openRepository(storage, 'gathr', signal), { encoding, identities })
}

describe.each([
  ['encrypted', encrypted],
  ['not encrypted', plain],
])('WAL that is %s', (_, encoding) => {
  test('comes back as it was, and tells its head without a key', async () => {
    const { storage, store } = await setUp(encoding)
    const file = fileOf(segment, pattern(1 << 20), {
      systemIdentifier: '7481',
      commits: { count: 3, earliest: '2026-03-01T02:00:00.000001Z', latest: '2026-03-01T02:00:09.5Z' },
    })
    expect(await store.put(file, signal)).toBe('stored')
    expect(Buffer.from((await store.get(segment, signal)) ?? []).equals(file.bytes)).toBe(true)
    const keyless = await openStore(storage, encoding, [])
    expect(await keyless.head(segment, signal)).toEqual(file.head())
  })

  test('of the same bytes is there already, of other bytes is a conflict that changes nothing', async () => {
    const { store } = await setUp(encoding)
    const file = fileOf(segment, pattern(5000))
    await store.put(file, signal)
    expect(await store.put(file, signal)).toBe('already')
    const other = fileOf(segment, Buffer.from(pattern(5000)).fill(1, 7, 8))
    await expect(store.put(other, signal)).rejects.toSatisfy(fault('OBJECT_CONFLICT', segment))
    expect(Buffer.from((await store.get(segment, signal)) ?? []).equals(file.bytes)).toBe(true)
  })

  test('that does not exist is undefined', async () => {
    const { store } = await setUp(encoding)
    expect(await store.get(segment, signal)).toBeUndefined()
    expect(await store.head(segment, signal)).toBeUndefined()
  })

  test('is found and kept from being stored twice after the encryption was changed', async () => {
    const { storage, store } = await setUp(encoding)
    const file = fileOf(segment, pattern(5000))
    await store.put(file, signal)
    const later = await openStore(storage, encoding === plain ? encrypted : plain)
    expect(await later.put(file, signal)).toBe('already')
    await expect(later.put(fileOf(segment, pattern(5001)), signal)).rejects.toSatisfy(
      fault('OBJECT_CONFLICT'),
    )
    expect(Buffer.from((await later.get(segment, signal)) ?? []).equals(file.bytes)).toBe(true)
    expect(await later.head(segment, signal)).toEqual(file.head())
    expect(await Array.fromAsync(later.list(undefined, signal))).toHaveLength(1)
  })

  test('is never given back damaged: any flipped bit and any cut is found', async () => {
    const { storage, store } = await setUp(encoding)
    await store.put(fileOf(segment, pattern(3000)), signal)
    const [entry] = await Array.fromAsync(store.list(undefined, signal))
    const key = entry?.key ?? ''
    const stored = Buffer.concat(await Array.fromAsync(storage.get(key, undefined, signal)))
    await fc.assert(
      fc.asyncProperty(fc.nat(stored.length - 1), fc.nat(7), fc.boolean(), async (at, bit, cut) => {
        const damaged = cut ? stored.subarray(0, at) : Buffer.from(stored)
        if (!cut) damaged[at] = (damaged[at] ?? 0) ^ (1 << bit)
        await storage.delete([key], signal)
        await storage.put(key, bodyOf(damaged), signal)
        await expect(store.get(segment, signal)).rejects.toSatisfy(
          error => isFault(error, 'OBJECT_CORRUPT', 'KEY_WRONG') && error.message.includes(key),
        )
      }),
      { numRuns: 100 },
    )
  })
})

describe('the WAL store', () => {
  test('lists segments and their companions by timeline', async () => {
    const { store } = await setUp()
    const names = [
      '00000001000000000000000F',
      '000000010000000100000000',
      '000000010000000100000001.partial',
      '00000002.history',
      '000000020000000100000001',
      '000000020000000100000001.00000028.backup',
    ]
    for (const name of names) await store.put(fileOf(name, Buffer.from(name)), signal)
    const listed = async (timeline?: number) =>
      (await Array.fromAsync(store.list(timeline, signal))).map(({ name }) => name).sort()
    expect(await listed()).toEqual(names)
    expect(await listed(1)).toEqual(names.slice(0, 3))
    expect(await listed(2)).toEqual(names.slice(3))
    expect(await listed(3)).toEqual([])
  })

  test('passes over objects that are no WAL', async () => {
    const { storage, store } = await setUp()
    await storage.put('gathr/wal/00000001/notes.txt', bodyOf(Buffer.from('x')), signal)
    expect(await Array.fromAsync(store.list(1, signal))).toEqual([])
  })

  test('refuses a head that does not describe its file', async () => {
    const { storage, store } = await setUp()
    const file = fileOf(segment, pattern(10))
    const head = () => ({ ...file.head(), sizeBytes: 11 })
    await expect(store.put({ ...file, head }, signal)).rejects.toThrow('a head describes its file')
    expect(await Array.fromAsync(storage.list('gathr/wal/', signal))).toEqual([])
  })

  test('refuses WAL of another system', async () => {
    const { store } = await setUp()
    await expect(
      store.put(fileOf(segment, pattern(10), { systemIdentifier: '9' }), signal),
    ).rejects.toSatisfy(fault('CLUSTER_MISMATCH', '9'))
  })

  test('refuses an object that was renamed to another segment', async () => {
    const { storage, store } = await setUp()
    await store.put(fileOf(segment, pattern(10)), signal)
    const [entry] = await Array.fromAsync(store.list(undefined, signal))
    const bytes = Buffer.concat(await Array.fromAsync(storage.get(entry?.key ?? '', undefined, signal)))
    const moved = '0000000100000016000000B4'
    await storage.put(entry?.key.replace(segment, moved) ?? '', bodyOf(bytes), signal)
    await expect(store.get(moved, signal)).rejects.toSatisfy(fault('OBJECT_CORRUPT', `it holds ${segment}`))
    await expect(store.head(moved, signal)).rejects.toSatisfy(fault('OBJECT_CORRUPT', `it holds ${segment}`))
  })

  test('never says that a file does not exist when the repository is gone', async () => {
    const { storage, store } = await setUp()
    await storage.delete(['gathr/cluster.json'], signal)
    await expect(store.get(segment, signal)).rejects.toSatisfy(fault('STORAGE_UNAVAILABLE', 'gone'))
    await expect(store.head(segment, signal)).rejects.toSatisfy(fault('STORAGE_UNAVAILABLE', 'gone'))
  })

  test('never says that a file does not exist when the storage fails, at whatever step', async () => {
    const { storage } = await setUp()
    for (let step = 1; step <= 3; step++) {
      const repository = await openRepository(storage, 'gathr', signal)
      const shaky = withFaults(missingAsSteps(storage), faultsAt({ [step]: 'fail' }), world.clock)
      const store = openWalStore({ ...repository, storage: shaky }, { encoding: encrypted, identities: [] })
      const answer = await store.get(segment, signal).catch((error: unknown) => error)
      expect(answer === undefined || isFault(answer, 'STORAGE_UNAVAILABLE')).toBe(true)
    }
  })

  test('acknowledges a push whose first answer was lost as soon as it is tried again', async () => {
    const { storage, open } = await setUp()
    const file = fileOf(segment, pattern(5000))
    for (let step = 1; step <= 6; step++) {
      const shaky = await open(withFaults(storage, faultsAt({ [step]: 'lose-answer' }), world.clock)).catch(
        () => undefined,
      )
      await shaky?.put(file, signal).catch(() => undefined)
    }
    expect(await (await open(storage)).put(file, signal)).toBe('already')
  })

  test('says that a key is needed, and that a key is wrong', async () => {
    const { storage, store, open } = await setUp()
    await store.put(fileOf(segment, pattern(10)), signal)
    await expect((await open(storage, encrypted, [])).get(segment, signal)).rejects.toSatisfy(
      fault('KEY_MISSING', segment),
    )
    const other = await generateIdentity()
    await expect((await open(storage, encrypted, [other.identity])).get(segment, signal)).rejects.toSatisfy(
      fault('KEY_WRONG', segment),
    )
  })

  test('takes a head of many recipients', async () => {
    const recipients = await Promise.all(
      Array.from({ length: 60 }, async () => (await generateIdentity()).recipient),
    )
    const { storage } = await setUp()
    const store = await openStore(storage, { level: 3, recipients: [...recipients, keys.recipient] })
    const file = fileOf(segment, pattern(10))
    await store.put(file, signal)
    expect(await store.head(segment, signal)).toEqual(file.head())
    expect(Buffer.from((await store.get(segment, signal)) ?? []).equals(file.bytes)).toBe(true)
  })
})

/** Makes the answer "it is not there" a step of its own, so that a fault can take its place. */
function missingAsSteps(inner: Storage): Storage {
  return {
    ...inner,
    async *get(key, range, stop) {
      await inner.stat(key, stop)
      yield* inner.get(key, range, stop)
    },
  }
}
