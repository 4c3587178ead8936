/** What Google's own testbench answers in another way than the documentation has it, by a server that does the same. */
import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { storageContract } from '../../../test/contract/storage-contract.ts'
import { pattern } from '../../../test/contract/tools.ts'
import {
  startStrictGcs,
  startStrictGcsApart,
  type StrictGcs,
  type StrictOptions,
  type StrictRequest,
} from '../../../test/support/gcs-emulator-strict.ts'
import { isFault, type FaultCode } from '../../base/fault.ts'
import { MiB, day, hour } from '../../base/units.ts'
import { systemWorld, type World } from '../../base/world.ts'
import type { StorageDescription } from '../open.ts'
import { bodyOf, type Storage } from '../storage.ts'
import { openGcsStorage } from './gcs.ts'

const signal = new AbortController().signal
const real = systemWorld()
/** Pauses before retries are twenty times as short; limits of time are what they are. */
const world: World = {
  ...real,
  clock: {
    ...real.clock,
    monotonicMs: () => real.clock.monotonicMs() * 20,
    sleep: (ms, stop) => real.clock.sleep(ms < 30_000 ? ms / 20 : ms, stop),
  },
}

let apart: Pick<StrictGcs, 'endpoint' | 'stop'>
beforeAll(async () => {
  apart = await startStrictGcsApart({ asTestbench: true })
})
afterAll(() => apart.stop())

storageContract("Google's testbench, as its source has it", () => openAt(apart), {
  large: true,
  copies: 'proven',
})

const servers: StrictGcs[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map(server => server.stop()))
})

async function start(options: StrictOptions = {}): Promise<StrictGcs> {
  const server = await startStrictGcs({ asTestbench: true, ...options })
  servers.push(server)
  return server
}

function openAt(
  { endpoint }: Pick<StrictGcs, 'endpoint'>,
  more: Partial<StorageDescription> = {},
): Promise<Storage> {
  const url = 'gs://bucket/p'
  return openGcsStorage(new URL(url), { url, ...more, access: { endpoint, ...more.access } }, world)
}

const body = (text: string) => bodyOf(Buffer.from(text))
const fault =
  (...codes: readonly FaultCode[]) =>
  (error: unknown) =>
    isFault(error, ...codes)
const read = async (storage: Storage, key: string) =>
  Buffer.concat(await Array.fromAsync(storage.get(key, undefined, signal)))
const write = async (storage: Storage, key: string, bytes: Uint8Array) => {
  const writer = await storage.create(key, signal)
  await writer.write(bytes)
  return writer.commit()
}
const isLastChunk = ({ method, headers }: StrictRequest) =>
  method === 'PUT' && /^bytes \d.*\/\d+$/.test(headers['content-range'] ?? '')

describe('what is missing', () => {
  test('is asked after by a listing of its own name, not of all that there is', async () => {
    const server = await start()
    const storage = await openAt(server)
    await storage.put('a/1', body('x'), signal)
    expect(await storage.stat('a/none', signal)).toBeUndefined()
    await expect(read(storage, 'a/none')).rejects.toSatisfy(fault('OBJECT_MISSING'))
    const listings = server.requests.filter(({ path }) => path.endsWith('/o')).slice(1)
    expect(listings.map(({ query }) => query['prefix'])).toEqual(['p/a/none', 'p/a/none'])
  })

  test('is the bucket, for every method alike', async () => {
    const storage = await openAt(await start({ name: 'another' }))
    for (const call of [
      () => storage.put('a', body('x'), signal),
      () => write(storage, 'a', pattern(17 * MiB)),
      () => read(storage, 'a'),
      () => storage.stat('a', signal),
      () => Array.fromAsync(storage.list('', signal)),
      () => storage.delete(['a'], signal),
      () => storage.traits(signal),
    ])
      await expect(call()).rejects.toSatisfy(fault('REPOSITORY_MISSING'))
  })
})

describe('an error', () => {
  test('inside of another is told in its own words', async () => {
    const server = await start()
    const keyBase64 = randomBytes(32).toString('base64')
    const mine = await openAt(server, {
      access: { serverSideEncryption: { kind: 'customer-key', keyBase64 } },
    })
    await mine.put('a', body('x'), signal)
    expect((await read(mine, 'a')).toString()).toBe('x')
    await expect(read(await openAt(server), 'a')).rejects.toThrow(
      'reading a failed: Missing a SHA256 hash of the encryption key. (HTTP 400)',
    )
  })

  test.each([
    ['as an object', { error: { message: 'Retry Test: Caused a 503' } }],
    ['as text', JSON.stringify({ error: { message: 'Retry Test: Caused a 503' } })],
  ])('that its retry tests cause, %s, is told in its words', async (_, message) => {
    const server = await start()
    const storage = await openAt(server)
    server.trouble(() => ({ status: 503, text: JSON.stringify({ error: { code: '503', message } }) }))
    await expect(storage.stat('a', signal)).rejects.toThrow(
      'looking at a failed: Retry Test: Caused a 503 (HTTP 503)',
    )
  })
})

describe('an upload in chunks', () => {
  const bytes = randomBytes(20 * MiB + 5)

  test('goes on after a chunk that was kept in part and answered with 503', async () => {
    const server = await start()
    let chunks = 0
    server.trouble(({ method }) =>
      method === 'PUT' && ++chunks === 1 ? { keepBytes: 256 * 1024, answeredAs: 503 } : undefined,
    )
    expect(await write(await openAt(server), 'a', bytes)).toBe('written')
    expect(server.bucket.live('p/a')?.bytes.equals(bytes)).toBe(true)
  })

  test.each([true, false])(
    'is written although its last answer was cut short without a word (as the testbench: %s)',
    async asTestbench => {
      const server = await start({ asTestbench })
      let answers = 0
      server.trouble(request =>
        isLastChunk(request) && ++answers === 1 ? { shortenToBytes: 10 } : undefined,
      )
      expect(await write(await openAt(server), 'a', bytes)).toBe('written')
      expect(server.bucket.live('p/a')?.bytes.equals(bytes)).toBe(true)
    },
  )

  test('is refused at its end when the key was taken meanwhile', async () => {
    const storage = await openAt(await start())
    const writer = await storage.create('a', signal)
    await writer.write(bytes)
    await storage.put('a', body('first'), signal)
    expect(await writer.commit()).toBe('taken')
    expect((await read(storage, 'a')).toString()).toBe('first')
  })
})

test('bytes that were changed on their way are refused as if the key were taken, and not taken for that', async () => {
  const server = await start()
  const storage = await openAt(server)
  server.trouble(({ method }) => (method === 'POST' ? { status: 412, text: '{}' } : undefined))
  await expect(storage.put('a', body('x'), signal)).rejects.toSatisfy(fault('STORAGE_UNAVAILABLE'))
})

test('a part of an object that comes as if it were the whole is told by its range', async () => {
  const server = await start()
  const storage = await openAt(server)
  const bytes = pattern(20 * MiB)
  await storage.put('a', bodyOf(bytes), signal)
  server.trouble(({ query }) => (query['alt'] === 'media' ? { answeredAs: 200 } : undefined))
  expect((await read(storage, 'a')).equals(bytes)).toBe(true)
})

test.each([
  ['breaks off', { cutBodyAfterBytes: 100_000 }],
  ['ends early as if that were all', { shortenToBytes: 100_000 }],
] as const)('an answer without a length that %s is never a short read', async (_, trouble) => {
  const server = await start()
  const storage = await openAt(server)
  const bytes = pattern(20 * MiB)
  await storage.put('a', bodyOf(bytes), signal)
  let reads = 0
  const isMedia = ({ query }: StrictRequest) => query['alt'] === 'media'
  server.trouble(request => (isMedia(request) && ++reads % 2 === 1 ? trouble : undefined))
  expect((await read(storage, 'a')).equals(bytes)).toBe(true)
  server.trouble(request => (isMedia(request) ? trouble : undefined))
  await expect(read(storage, 'a')).rejects.toSatisfy(fault('STORAGE_UNAVAILABLE'))
})

test('a copy that goes on without saying where is given up', async () => {
  const server = await start()
  const storage = await openAt(server)
  await storage.put('a', bodyOf(pattern(2 * MiB)), signal)
  server.trouble(({ path }) =>
    path.includes('/rewriteTo/') ? { status: 200, text: JSON.stringify({ done: false }) } : undefined,
  )
  await expect(storage.copying?.copy('a', 'b', 'make', signal)).rejects.toSatisfy(
    fault('STORAGE_UNSUPPORTED'),
  )
})

describe.each([true, false])('where objects can not be locked (as the testbench: %s)', asTestbench => {
  test('a lock that the configuration wants is refused in words, whichever way it is written', async () => {
    const server = await start({ asTestbench })
    const plain = await openAt(server)
    await plain.put('plain', body('x'), signal)
    const storage = await openAt(server, {
      rules: [{ pattern: '**', lock: { mode: 'governance', forMs: day } }],
    })
    for (const call of [
      () => storage.put('a', body('x'), signal),
      () => write(storage, 'a', pattern(17 * MiB)),
      () => storage.copying?.copy('plain', 'a', 'make', signal),
      () => storage.retain('plain', { mode: 'governance', untilMs: Date.now() + day }, signal),
    ])
      await expect(call()).rejects.toThrow('the bucket of gs://bucket/p does not lock objects')
    expect(await storage.stat('a', signal)).toBeUndefined()
  })
})

test('as of a time, the newest of several versions that never ceased to be the live one is seen', async () => {
  let now = Date.parse('2026-03-01T00:00:00Z')
  const server = await start({ versioned: true, now: () => now })
  const storage = await openAt(server)
  for (const key of ['a', 'ab', 'b']) await storage.put(key, body(`${key} of then`), signal)
  now += hour
  await writeOver(server, 'p/a', 'a written over')
  const asOfMs = now
  now += hour
  await writeOver(server, 'p/a', 'a of now')
  await storage.put('c', body('new'), signal)

  const then = await openAt(server, { asOfMs })
  expect((await Array.fromAsync(then.list('', signal))).map(({ key }) => key)).toEqual(['a', 'ab', 'b'])
  expect((await read(then, 'a')).toString()).toBe('a written over')
  expect(await then.stat('a', signal)).toMatchObject({ sizeBytes: 14 })
  expect(await then.stat('c', signal)).toBeUndefined()
})

async function writeOver({ endpoint }: StrictGcs, name: string, text: string): Promise<void> {
  const parts = [JSON.stringify({ name }), text].map(part => `--b\r\n\r\n${part}\r\n`).join('')
  await fetch(`${endpoint}/upload/storage/v1/b/bucket/o?uploadType=multipart`, {
    method: 'POST',
    headers: { 'content-type': 'multipart/related; boundary=b' },
    body: `${parts}--b--\r\n`,
  })
}
