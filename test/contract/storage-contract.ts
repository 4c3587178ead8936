/** What every storage driver must do. A driver is finished when this passes against a real service of its kind. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isFault } from '../../src/base/fault.ts'
import { compareKeys } from '../../src/storage/key.ts'
import { bodyOf, type Body, type ObjectInfo, type Storage } from '../../src/storage/storage.ts'

const signal = new AbortController().signal
const KiB = 1024

export interface ContractOptions {
  /** The server does not refuse a second write by itself: the driver looks first, and a race has no single winner. */
  readonly unconditional?: string
}

export function storageContract(
  name: string,
  open: () => Promise<Storage>,
  { unconditional }: ContractOptions = {},
): void {
  describe(`storage contract: ${name}`, () => {
    let storage: Storage
    beforeAll(async () => {
      storage = await open()
    })
    afterAll(() => storage.close())
    const s = (): Storage => storage

    objectsAreWrittenOnce(s)
    if (unconditional === undefined) racesHaveOneWinner(s)
    else console.warn(`left out: races for a key on ${name}: ${unconditional}`)
    objectsAreReadInRanges(s)
    writersPublishOnCommit(s)
    listsAreOrdered(s)
    deletionIsCalm(s)
    callsCanBeStopped(s)
  })
}

function objectsAreWrittenOnce(storage: () => Storage): void {
  test('a missing object has no stat, and reading it says that it is missing', async () => {
    expect(await storage().stat('once/none', signal)).toBeUndefined()
    await expect(read(storage(), 'once/none')).rejects.toSatisfy(error => isFault(error, 'OBJECT_MISSING'))
  })

  test('what was put can be read and has its size', async () => {
    expect(await storage().put('once/a', text('first'), signal)).toBe('written')
    expect(await read(storage(), 'once/a')).toEqual(Buffer.from('first'))
    expect(await storage().stat('once/a', signal)).toMatchObject({ key: 'once/a', sizeBytes: 5 })
  })

  test('put does not replace an object that is there', async () => {
    await storage().put('once/b', text('first'), signal)
    expect(await storage().put('once/b', text('second, longer'), signal)).toBe('taken')
    expect(await read(storage(), 'once/b')).toEqual(Buffer.from('first'))
  })

  test('an empty object is an object', async () => {
    expect(await storage().put('once/empty', text(''), signal)).toBe('written')
    expect(await storage().stat('once/empty', signal)).toMatchObject({ sizeBytes: 0 })
    expect(await read(storage(), 'once/empty')).toHaveLength(0)
    expect(await storage().put('once/empty', text('x'), signal)).toBe('taken')
  })

  test('a body that fails halfway leaves nothing visible, and the key free', async () => {
    const failing: Body = {
      sizeBytes: 2 * KiB,
      async *open() {
        yield pattern(KiB)
        throw new Error('the source broke')
      },
    }
    await expect(storage().put('once/half', failing, signal)).rejects.toThrow('the source broke')
    expect(await storage().stat('once/half', signal)).toBeUndefined()
    expect(await storage().put('once/half', text('whole'), signal)).toBe('written')
  })

  test("the time an object was written is the storage's own, and lies near now", async () => {
    await storage().put('once/time', text('x'), signal)
    const info = await storage().stat('once/time', signal)
    expect(Number.isFinite(info?.modifiedMs)).toBe(true)
  })

  test('keys that are not keys are refused by every method', async () => {
    for (const key of [
      '',
      '/a',
      'a/',
      'a//b',
      '../a',
      'a/../b',
      './a',
      '.hidden',
      'a/.hidden',
      'a\0b',
      'x'.repeat(300),
    ]) {
      await expect(storage().put(key, text('x'), signal)).rejects.toThrow('is a storage key')
      await expect(storage().create(key, signal)).rejects.toThrow('is a storage key')
      await expect(storage().stat(key, signal)).rejects.toThrow('is a storage key')
      await expect(storage().delete([key], signal)).rejects.toThrow('is a storage key')
      await expect(read(storage(), key)).rejects.toThrow('is a storage key')
    }
    await expect(list(storage(), '../')).rejects.toThrow('prefix')
  })

  test('the beginning of a key is not an object', async () => {
    await storage().put('once/deep/er/object', text('x'), signal)
    expect(await storage().stat('once/deep', signal)).toBeUndefined()
    await expect(read(storage(), 'once/deep')).rejects.toSatisfy(error => isFault(error, 'OBJECT_MISSING'))
    expect(await storage().stat('once/deep/er/object/more', signal)).toBeUndefined()
  })
}

function racesHaveOneWinner(storage: () => Storage): void {
  test('of many who put the same key at once, exactly one wins, and its bytes are there', async () => {
    const bodies = Array.from({ length: 16 }, (_, i) => `contender ${String(i)}`)
    const outcomes = await Promise.all(bodies.map(body => storage().put('once/race', text(body), signal)))
    expect(outcomes.filter(outcome => outcome === 'written')).toHaveLength(1)
    expect((await read(storage(), 'once/race')).toString()).toBe(bodies[outcomes.indexOf('written')])
  })
}

function objectsAreReadInRanges(storage: () => Storage): void {
  const bytes = pattern(3 * KiB * KiB + 17)

  beforeAll(async () => {
    await storage().put('ranges/large', bodyOf(bytes), signal)
  })

  test('a large object comes back whole', async () => {
    expect((await read(storage(), 'ranges/large')).equals(bytes)).toBe(true)
  })

  test.each([
    [0, 1],
    [0, 0],
    [17, 17],
    [1_048_575, 1_048_577],
    [5, 3_000_000],
    [3 * KiB * KiB, 3 * KiB * KiB + 17],
  ])('the range from %d to %d is exactly that', async (startBytes, endBytes) => {
    const got = await read(storage(), 'ranges/large', { startBytes, endBytes })
    expect(got.equals(bytes.subarray(startBytes, endBytes))).toBe(true)
  })

  test('a range past the end is cut at the end', async () => {
    const startBytes = bytes.length - 3
    expect(await read(storage(), 'ranges/large', { startBytes, endBytes: bytes.length + 100 })).toEqual(
      bytes.subarray(startBytes),
    )
    expect(
      await read(storage(), 'ranges/large', { startBytes: bytes.length + 5, endBytes: bytes.length + 9 }),
    ).toHaveLength(0)
  })

  test("pieces that were read are the reader's own", async () => {
    const pieces: Uint8Array[] = []
    for await (const piece of storage().get('ranges/large', undefined, signal)) pieces.push(piece)
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
  })

  test('a reader may stop early', async () => {
    for await (const piece of storage().get('ranges/large', undefined, signal)) {
      expect(piece.length).toBeGreaterThan(0)
      break
    }
  })
}

function writersPublishOnCommit(storage: () => Storage): void {
  test('nothing is visible before commit, and all of it afterwards', async () => {
    const writer = await storage().create('writers/a/b', signal)
    await writer.write(Buffer.from('one '))
    await writer.write(Buffer.from('two'))
    expect(await storage().stat('writers/a/b', signal)).toBeUndefined()
    expect(await list(storage(), 'writers/a')).toEqual([])
    expect(await writer.commit()).toBe('written')
    expect((await read(storage(), 'writers/a/b')).toString()).toBe('one two')
  })

  test('abort leaves nothing, twice is as good as once, and the key stays free', async () => {
    const writer = await storage().create('writers/aborted', signal)
    await writer.write(pattern(100_000))
    await writer.abort()
    await writer.abort()
    expect(await storage().stat('writers/aborted', signal)).toBeUndefined()
    expect(await storage().put('writers/aborted', text('x'), signal)).toBe('written')
  })

  test('a writer that comes second is told that the key is taken, and changes nothing', async () => {
    const [one, two] = [
      await storage().create('writers/two', signal),
      await storage().create('writers/two', signal),
    ]
    await one.write(Buffer.from('one'))
    await two.write(Buffer.from('two!'))
    expect(await two.commit()).toBe('written')
    expect(await one.commit()).toBe('taken')
    await one.abort()
    expect((await read(storage(), 'writers/two')).toString()).toBe('two!')
  })

  test('abort after commit changes nothing', async () => {
    const writer = await storage().create('writers/kept', signal)
    await writer.write(Buffer.from('kept'))
    await writer.commit()
    await writer.abort()
    expect((await read(storage(), 'writers/kept')).toString()).toBe('kept')
  })

  test('the caller may use its buffer again once a write is done', async () => {
    const writer = await storage().create('writers/reused', signal)
    const buffer = Buffer.alloc(70_000, 1)
    await writer.write(buffer)
    buffer.fill(2)
    await writer.write(buffer)
    buffer.fill(3)
    await writer.commit()
    expect(
      (await read(storage(), 'writers/reused')).equals(
        Buffer.concat([Buffer.alloc(70_000, 1), Buffer.alloc(70_000, 2)]),
      ),
    ).toBe(true)
  })

  test('writes of odd sizes add up to a large object', async () => {
    const bytes = pattern(9 * KiB * KiB + 1)
    const writer = await storage().create('writers/odd', signal)
    for (let at = 0, size = 1; at < bytes.length; at += size, size = size * 3 + 1)
      await writer.write(bytes.subarray(at, at + size))
    await writer.commit()
    expect((await read(storage(), 'writers/odd')).equals(bytes)).toBe(true)
  })

  test('a writer that wrote nothing makes an empty object', async () => {
    const writer = await storage().create('writers/none', signal)
    expect(await writer.commit()).toBe('written')
    expect(await storage().stat('writers/none', signal)).toMatchObject({ sizeBytes: 0 })
  })
}

function listsAreOrdered(storage: () => Storage): void {
  // In UTF-8, U+FB01 comes before U+1F600; in UTF-16 it is the other way round. `a.b` < `a/x` < `a0`.
  const keys = [
    'a/x',
    'a.b',
    'a0',
    'a-',
    'a/x0',
    'a/w/deep/er',
    'ä',
    '\ufb01',
    '\u{1f600}',
    'B',
    'wal/0001',
    'wal/0002',
    'wal10',
  ]
  const sorted = keys.map(key => `lists/${key}`).sort(compareKeys)

  beforeAll(async () => {
    for (const key of keys) await storage().put(`lists/${key}`, text(key), signal)
  })

  test('all keys come in the order of their UTF-8 bytes', async () => {
    expect((await list(storage(), 'lists/')).map(({ key }) => key)).toEqual(sorted)
  })

  test.each([
    'lists/a',
    'lists/a/',
    'lists/a/x',
    'lists/wal',
    'lists/wal/',
    'lists/wal/000',
    'lists/wal/0001',
    'lists/none/',
    'lists/B',
  ])('the prefix %s gives exactly the keys that begin with it', async prefix => {
    const expected = sorted.filter(key => key.startsWith(prefix))
    expect((await list(storage(), prefix)).map(({ key }) => key)).toEqual(expected)
  })

  test('each entry says the size', async () => {
    for (const { key, sizeBytes } of await list(storage(), 'lists/')) {
      expect(sizeBytes).toBe(Buffer.byteLength(key.slice('lists/'.length)))
    }
  })

  test('a reader of the list may stop early', async () => {
    for await (const info of storage().list('lists/', signal)) {
      expect(info.key).toBe(sorted[0])
      break
    }
  })

  test('more objects than one page are all listed', async () => {
    const many = Array.from({ length: 1_100 }, (_, i) => `many/${String(i).padStart(5, '0')}`)
    for (let at = 0; at < many.length; at += 50) {
      await Promise.all(many.slice(at, at + 50).map(key => storage().put(key, text('x'), signal)))
    }
    expect((await list(storage(), 'many/')).map(({ key }) => key)).toEqual(many)
    await storage().delete(many, signal)
    expect(await list(storage(), 'many/')).toEqual([])
  })
}

function deletionIsCalm(storage: () => Storage): void {
  test('deleting an object twice succeeds', async () => {
    await storage().put('deletes/a', text('x'), signal)
    await storage().delete(['deletes/a'], signal)
    await storage().delete(['deletes/a', 'deletes/never/was'], signal)
    expect(await storage().stat('deletes/a', signal)).toBeUndefined()
  })

  test('a deleted key can be written again', async () => {
    await storage().put('deletes/again', text('one'), signal)
    await storage().delete(['deletes/again'], signal)
    expect(await storage().put('deletes/again', text('two'), signal)).toBe('written')
    expect((await read(storage(), 'deletes/again')).toString()).toBe('two')
  })

  test('only what is named is deleted', async () => {
    await storage().put('deletes/keep/a', text('x'), signal)
    await storage().put('deletes/keep/ab', text('x'), signal)
    await storage().delete(['deletes/keep/a'], signal)
    expect((await list(storage(), 'deletes/keep')).map(({ key }) => key)).toEqual(['deletes/keep/ab'])
  })

  test('deleting nothing succeeds', async () => {
    await storage().delete([], signal)
  })
}

function callsCanBeStopped(storage: () => Storage): void {
  test('every method refuses to begin when its signal is aborted', async () => {
    const stopped = AbortSignal.abort(new Error('stopped'))
    await expect(storage().put('stops/a', text('x'), stopped)).rejects.toThrow('stopped')
    await expect(storage().create('stops/a', stopped)).rejects.toThrow('stopped')
    await expect(storage().stat('stops/a', stopped)).rejects.toThrow('stopped')
    await storage().put('stops/b', text('x'), signal)
    await expect(storage().delete(['stops/b'], stopped)).rejects.toThrow('stopped')
    await expect(collect(storage().get('stops/b', undefined, stopped))).rejects.toThrow('stopped')
    await expect(Array.fromAsync(storage().list('stops/', stopped))).rejects.toThrow('stopped')
  })

  test('a writer whose signal was aborted publishes nothing', async () => {
    const stop = new AbortController()
    const writer = await storage().create('stops/writer', stop.signal)
    await writer.write(Buffer.from('x'))
    stop.abort(new Error('stopped'))
    await expect(writer.commit()).rejects.toThrow('stopped')
    await writer.abort()
    expect(await storage().stat('stops/writer', signal)).toBeUndefined()
  })
}

const text = (content: string): Body => bodyOf(Buffer.from(content))

/** Bytes that show when a piece is missing, doubled or out of place. */
export function pattern(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes)
  for (let at = 0; at + 4 <= sizeBytes; at += 4) bytes.writeUInt32LE((at * 2_654_435_761) >>> 0, at)
  return bytes
}

function read(
  storage: Storage,
  key: string,
  range?: { startBytes: number; endBytes: number },
): Promise<Buffer> {
  return collect(storage.get(key, range, signal))
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(pieces))
}

function list(storage: Storage, prefix: string): Promise<ObjectInfo[]> {
  return Array.fromAsync(storage.list(prefix, signal))
}
