/** What the emulator can not show: conditions, chunks, faults, keys, locks and versions, as the API's documentation has them. */
import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { pattern } from '../../../test/contract/tools.ts'
import {
  startStrictGcs,
  type StrictGcs,
  type StrictOptions,
  type StrictRequest,
} from '../../../test/support/gcs-emulator-strict.ts'
import { isFault, type FaultCode } from '../../base/fault.ts'
import { retryWith } from '../../base/retry.ts'
import { MiB, day, hour } from '../../base/units.ts'
import { systemWorld, type World } from '../../base/world.ts'
import type { StorageDescription } from '../open.ts'
import { bodyOf, type Storage } from '../storage.ts'
import { withRetry } from '../with-retry.ts'
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
const servers: StrictGcs[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map(server => server.stop()))
})

async function start(options: StrictOptions = {}): Promise<StrictGcs> {
  const server = await startStrictGcs(options)
  servers.push(server)
  return server
}

function open(server: StrictGcs, more: Partial<StorageDescription> = {}): Promise<Storage> {
  const url = 'gs://bucket/p'
  const description = { url, ...more, access: { endpoint: server.endpoint, ...more.access } }
  return openGcsStorage(new URL(url), description, world)
}

const body = (text: string) => bodyOf(Buffer.from(text))
const fault =
  (...codes: readonly FaultCode[]) =>
  (error: unknown) =>
    isFault(error, ...codes)
const read = async (storage: Storage, key: string) =>
  Buffer.concat(await Array.fromAsync(storage.get(key, undefined, signal)))
const isChunk = ({ method, headers }: StrictRequest) =>
  method === 'PUT' && /^bytes \d/.test(headers['content-range'] ?? '')

describe('writing once', () => {
  test('every write asks the server to refuse it when the name is taken', async () => {
    const server = await start()
    const storage = await open(server)
    await storage.put('a', body('x'), signal)
    const writer = await storage.create('b', signal)
    await writer.write(pattern(17 * MiB))
    await writer.commit()
    const posts = server.requests.filter(({ method }) => method === 'POST')
    expect(posts.map(({ query }) => [query['uploadType'], query['ifGenerationMatch']])).toEqual([
      ['multipart', '0'],
      ['resumable', '0'],
    ])
  })

  test('of eight writers of one large object, one has written it', async () => {
    const storage = await open(await start())
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        const writer = await storage.create('race', signal)
        await writer.write(Buffer.alloc(17 * MiB, i))
        return writer.commit()
      }),
    )
    expect(outcomes.filter(outcome => outcome === 'written')).toHaveLength(1)
    expect((await read(storage, 'race')).equals(Buffer.alloc(17 * MiB, outcomes.indexOf('written')))).toBe(
      true,
    )
  })

  test('a refusal without an object is no sign that the key is taken', async () => {
    const server = await start()
    const storage = await open(server)
    server.trouble(({ method }) => (method === 'POST' ? { status: 412 } : undefined))
    await expect(storage.put('a', body('x'), signal)).rejects.toSatisfy(fault('STORAGE_UNAVAILABLE'))
  })

  test('a write that was answered with success and then is not there is a fault', async () => {
    const server = await start()
    const storage = await open(server)
    server.trouble(({ method }) =>
      method === 'POST'
        ? {
            status: 200,
            text: JSON.stringify({
              name: 'p/a',
              size: '1',
              generation: '7',
              timeCreated: '2026-01-01T00:00:00Z',
            }),
          }
        : undefined,
    )
    await expect(storage.put('a', body('x'), signal)).rejects.toSatisfy(fault('STORAGE_UNAVAILABLE'))
  })

  test('an object that is there with another checksum than was sent is a fault', async () => {
    const storage = await open(await start({ wrongChecksum: 'AAAAAA==' }))
    await expect(storage.put('a', body('x'), signal)).rejects.toSatisfy(fault('OBJECT_CORRUPT'))
    await expect(read(storage, 'a')).rejects.toSatisfy(fault('OBJECT_CORRUPT'))
  })
})

describe('an upload in chunks', () => {
  const bytes = randomBytes(40 * MiB + 5)
  const write = async (storage: Storage) => {
    const writer = await storage.create('large', signal)
    for (let at = 0; at < bytes.length; at += MiB) await writer.write(bytes.subarray(at, at + MiB))
    return writer.commit()
  }

  test.each([
    ['is cut before it is taken', { cut: 'before' }],
    ['is cut after it was taken', { cut: 'after' }],
    ['is answered with 503', { status: 503 }],
    ['is kept in part', { keepBytes: 512 * 1024 }],
  ] as const)('goes on when a chunk %s', async (_, trouble) => {
    for (const number of [1, 2, 3]) {
      const server = await start()
      let chunks = 0
      server.trouble(request => (isChunk(request) && ++chunks === number ? trouble : undefined))
      expect(await write(await open(server))).toBe('written')
      expect(server.bucket.live('p/large')?.bytes.equals(bytes)).toBe(true)
    }
  })

  test('is written when the answer to the last chunk was lost, although the name is taken then', async () => {
    const server = await start()
    server.trouble(({ headers }) =>
      /\/\d+$/.test(headers['content-range'] ?? '') && headers['x-goog-hash'] ? { cut: 'after' } : undefined,
    )
    expect(await write(await open(server))).toBe('written')
  })

  test('that the server has forgotten is a fault that says to write anew', async () => {
    const server = await start()
    server.trouble(request => (isChunk(request) ? { status: 410 } : undefined))
    await expect(write(await open(server))).rejects.toThrow('does not know the upload any more')
  })

  test('that is given up leaves nothing behind', async () => {
    const server = await start()
    const storage = await open(server)
    const writer = await storage.create('large', signal)
    for (let at = 0; at < bytes.length; at += MiB) await writer.write(bytes.subarray(at, at + MiB))
    await writer.abort()
    expect(server.bucket.uploadsUnderWay).toBe(0)
    expect(await storage.stat('large', signal)).toBeUndefined()
  })

  test('of 200 MiB needs no more memory than its chunks', async () => {
    const server = await start({ forgetful: true })
    const storage = await open(server)
    const piece = pattern(MiB)
    const writer = await storage.create('large', signal)
    global.gc?.()
    const before = process.memoryUsage().rss
    let most = 0
    for (let i = 0; i < 200; i++) {
      await writer.write(piece)
      most = Math.max(most, process.memoryUsage().rss - before)
    }
    expect(await writer.commit()).toBe('written')
    expect(await storage.stat('large', signal)).toMatchObject({ sizeBytes: 200 * MiB })
    // Two chunks here, and as much again where the server of this test puts a chunk together.
    expect(most).toBeLessThan(160 * MiB)
  })
})

describe('trouble', () => {
  const tried = (storage: Storage) =>
    withRetry(storage, retryWith(world, { attemptsMax: 5, pauseMsFirst: 1, pauseMsMax: 1 }))

  test.each([[503], [429], [500], [408]])('a burst of %d is waited out by every method', async status => {
    const server = await start()
    const storage = tried(await open(server))
    server.trouble(({ count }) => (count % 3 === 0 ? undefined : { status }))
    expect(await storage.put('a', body('x'), signal)).toBe('written')
    expect((await read(storage, 'a')).toString()).toBe('x')
    expect(await Array.fromAsync(storage.list('', signal))).toHaveLength(1)
    await storage.delete(['a'], signal)
    expect(await storage.stat('a', signal)).toBeUndefined()
  })

  test.each([
    [401, 'STORAGE_CREDENTIALS'],
    [403, 'STORAGE_DENIED'],
    [429, 'STORAGE_THROTTLED'],
    [503, 'STORAGE_THROTTLED'],
    [500, 'STORAGE_UNAVAILABLE'],
    [501, 'STORAGE_UNSUPPORTED'],
    [400, 'STORAGE_UNSUPPORTED'],
  ] as const)('an answer of %d is %s', async (status, code) => {
    const server = await start()
    const storage = await open(server)
    server.trouble(() => ({ status }))
    await expect(storage.stat('a', signal)).rejects.toSatisfy(fault(code))
  })

  test('a body that breaks off is never a short read', async () => {
    const server = await start()
    const storage = await open(server)
    const bytes = pattern(10 * MiB)
    await storage.put('a', bodyOf(bytes), signal)
    let reads = 0
    server.trouble(({ query }) =>
      query['alt'] === 'media' && ++reads % 2 === 1 ? { cutBodyAfterBytes: 100_000 } : undefined,
    )
    expect((await read(storage, 'a')).equals(bytes)).toBe(true)
    server.trouble(({ query }) => (query['alt'] === 'media' ? { cutBodyAfterBytes: 100_000 } : undefined))
    await expect(read(storage, 'a')).rejects.toSatisfy(fault('STORAGE_UNAVAILABLE'))
  })

  test.each([
    ['a bucket that does not exist', 'The specified bucket does not exist.', 'REPOSITORY_MISSING'],
    ['an object that does not', 'No such object: bucket/p/a', 'OBJECT_MISSING'],
    ['one in a bucket of an odd name', 'No such object: the-bucket-does not exist/p/a', 'OBJECT_MISSING'],
  ] as const)('%s is told as that', async (_, text, code) => {
    const server = await start()
    const storage = await open(server)
    server.trouble(() => ({ status: 404, text }))
    await expect(read(storage, 'a')).rejects.toSatisfy(fault(code))
  })

  test('a 404 that does not say what is missing counts only when the bucket shows itself', async () => {
    const server = await start()
    const storage = await open(server)
    server.trouble(({ path }) => (path.endsWith('/o') ? undefined : { status: 404, text: 'not found' }))
    expect(await storage.stat('a', signal)).toBeUndefined()
    server.trouble(() => ({ status: 404, text: '<html>not found</html>' }))
    await expect(storage.stat('a', signal)).rejects.toSatisfy(fault('REPOSITORY_MISSING'))
    server.trouble(({ path }) =>
      path.endsWith('/o') ? { status: 200, text: '<html>log in</html>' } : { status: 404, text: 'not found' },
    )
    await expect(storage.stat('a', signal)).rejects.toSatisfy(fault('STORAGE_UNAVAILABLE'))
  })

  test('nobody who listens is a fault that can be tried again', async () => {
    const server = await start()
    const storage = await open(server)
    await server.stop()
    await expect(storage.stat('a', signal)).rejects.toSatisfy(fault('STORAGE_UNAVAILABLE'))
  })

  test('a server that says nothing is not waited for longer than the limit', async () => {
    const server = await start()
    const url = 'gs://bucket/p'
    const hasty: World = {
      ...real,
      clock: { ...real.clock, sleep: (ms, stop) => real.clock.sleep(ms / 1000, stop) },
    }
    const storage = await openGcsStorage(new URL(url), { url, access: { endpoint: server.endpoint } }, hasty)
    server.trouble(() => 'silence')
    await expect(storage.stat('a', signal)).rejects.toThrow('was silent for')
  })

  test('init does not make a bucket, and says how', async () => {
    const server = await start({ name: 'another' })
    await expect(open(server, { make: true })).rejects.toThrow('bucket of gs://bucket/p does not exist')
  })
})

describe('what objects are given', () => {
  test('class, tags as metadata, lock and key of Cloud KMS go with the write', async () => {
    const server = await start({ retention: true })
    const storage = await open(server, {
      access: {
        serverSideEncryption: { kind: 'kms', keyId: 'projects/p/locations/l/keyRings/r/cryptoKeys/k' },
      },
      rules: [
        {
          pattern: 'wal/**',
          storageClass: 'NEARLINE',
          tags: { team: 'data' },
          lock: { mode: 'compliance', forMs: day },
        },
      ],
    })
    await storage.put('wal/1', body('x'), signal)
    expect(server.bucket.live('p/wal/1')?.resource).toMatchObject({
      storageClass: 'NEARLINE',
      metadata: { team: 'data' },
      kmsKeyName: 'projects/p/locations/l/keyRings/r/cryptoKeys/k',
      retention: { mode: 'Locked' },
    })
    expect(await storage.stat('wal/1', signal)).toMatchObject({ storageClass: 'NEARLINE' })
    await expect(storage.delete(['wal/1'], signal)).rejects.toSatisfy(fault('OBJECT_LOCKED'))
  })

  test('what is written under a key of ours is read with it only', async () => {
    const server = await start()
    const keyBase64 = randomBytes(32).toString('base64')
    const mine = await open(server, { access: { serverSideEncryption: { kind: 'customer-key', keyBase64 } } })
    const writer = await mine.create('a', signal)
    await writer.write(pattern(17 * MiB))
    expect(await writer.commit()).toBe('written')
    expect((await read(mine, 'a')).equals(pattern(17 * MiB))).toBe(true)
    await expect(read(await open(server), 'a')).rejects.toSatisfy(fault('STORAGE_UNSUPPORTED'))
    expect(server.requests.some(({ path }) => path.includes(keyBase64))).toBe(false)
  })
})

describe('locks', () => {
  test('retain locks, extends, hardens, and never shortens', async () => {
    const server = await start({ retention: true })
    const storage = await open(server)
    await storage.put('a', body('x'), signal)
    const at = (ms: number) => Date.now() + ms
    const until = [at(hour), at(2 * hour), at(3 * hour)] as const
    await storage.retain('a', { mode: 'governance', untilMs: until[1] }, signal)
    expect((await storage.stat('a', signal))?.retainedUntilMs).toBe(until[1])
    await storage.retain('a', { mode: 'compliance', untilMs: until[0] }, signal)
    expect((await storage.stat('a', signal))?.retainedUntilMs).toBe(until[1])
    await storage.retain('a', { mode: 'compliance', untilMs: until[2] }, signal)
    expect(server.bucket.live('p/a')?.resource['retention']).toMatchObject({ mode: 'Locked' })
    expect(server.requests.at(-1)?.query).toMatchObject({ overrideUnlockedRetention: 'true' })
    await expect(storage.delete(['a'], signal)).rejects.toSatisfy(fault('OBJECT_LOCKED'))
    expect(await storage.traits(signal)).toMatchObject({ lockable: true, versioned: false })
  })

  test('a bucket without locks, and an object that is not there, are told apart', async () => {
    const storage = await open(await start())
    await storage.put('a', body('x'), signal)
    const until = { mode: 'governance', untilMs: Date.now() + hour } as const
    await expect(storage.retain('a', until, signal)).rejects.toSatisfy(fault('STORAGE_UNSUPPORTED'))
    await expect(storage.retain('none', until, signal)).rejects.toSatisfy(fault('OBJECT_MISSING'))
  })
})

describe('as of a time', () => {
  test('what was deleted or written over since is seen as it was', async () => {
    let now = Date.parse('2026-03-01T00:00:00Z')
    const server = await start({ versioned: true, pageSize: 2, now: () => now })
    const storage = await open(server)
    for (const key of ['a', 'ab', 'b', 'c']) await storage.put(key, body(`${key} of then`), signal)
    now += hour
    const asOfMs = now
    now += hour
    await storage.delete(['a', 'b'], signal)
    await storage.put('b', body('new'), signal)
    await storage.put('d', body('new'), signal)

    const then = await open(server, { asOfMs })
    expect((await Array.fromAsync(then.list('', signal))).map(({ key }) => key)).toEqual([
      'a',
      'ab',
      'b',
      'c',
    ])
    expect((await read(then, 'a')).toString()).toBe('a of then')
    expect((await read(then, 'b')).toString()).toBe('b of then')
    expect(await then.stat('a', signal)).toMatchObject({ sizeBytes: 9 })
    expect(await then.stat('d', signal)).toBeUndefined()
    await expect(read(then, 'd')).rejects.toSatisfy(fault('OBJECT_MISSING'))
    await expect(then.put('e', body('x'), signal)).rejects.toSatisfy(fault('STORAGE_UNSUPPORTED'))
    await expect(then.delete(['a'], signal)).rejects.toSatisfy(fault('STORAGE_UNSUPPORTED'))
  })
})
