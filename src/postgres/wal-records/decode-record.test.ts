/** Records of every version by their headers' layout: made by hand, since only one version's server may be at hand. */
import { zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { parseClassRow } from '../heap/catalogue-rows.ts'
import { decodeRecord } from './decode-record.ts'
import { decompressLz4, decompressPglz, restoreImage } from './page-image.ts'
import { parseTransactionRecord } from './transaction-record.ts'

/** One block with an image of eight bytes around a hole, data, and main data; then a second block of the same relation. */
function record(imageBits: number, image: Buffer, holeBytes: number | undefined): Buffer {
  const header = Buffer.alloc(24)
  const first = Buffer.alloc(4 + 5)
  first.set([0, 0x10 | 0x20])
  first.writeUInt16LE(3, 2)
  first.writeUInt16LE(image.length, 4)
  first.writeUInt16LE(4, 6)
  first.writeUInt8(imageBits, 8)
  const hole = Buffer.alloc(holeBytes === undefined ? 0 : 2)
  if (holeBytes !== undefined) hole.writeUInt16LE(holeBytes)
  const where = Buffer.alloc(16)
  for (const [i, number] of [1663, 5, 16384, 7].entries()) where.writeUInt32LE(number, i * 4)
  const second = Buffer.from([1, 0x80, 0, 0, 9, 0, 0, 0])
  const main = Buffer.from([255, 2])
  return Buffer.concat([
    header,
    first,
    hole,
    where,
    second,
    main,
    image,
    Buffer.from('abc'),
    Buffer.from('mn'),
  ])
}

const page = Buffer.concat([Buffer.from('head'), Buffer.alloc(8184), Buffer.from('tail')])
const pglzOfHeadTail = Buffer.from([0, ...Buffer.from('headtail')])
const lz4OfHeadTail = Buffer.from([0x80, ...Buffer.from('headtail')])

describe('a record’s blocks', () => {
  test.each([
    ['14, as it is', 14, 0x01 | 0x04, Buffer.from('headtail'), undefined],
    ['14, by pglz', 14, 0x01 | 0x02 | 0x04, pglzOfHeadTail, 8184],
    ['15, as it is', 15, 0x01 | 0x02, Buffer.from('headtail'), undefined],
    ['16, by pglz', 16, 0x01 | 0x02 | 0x04, pglzOfHeadTail, 8184],
    ['17, by lz4', 17, 0x01 | 0x02 | 0x08, lz4OfHeadTail, 8184],
    ['18, by zstd', 18, 0x01 | 0x02 | 0x10, zstdCompressSync(Buffer.from('headtail')), 8184],
  ])('with an image of PostgreSQL %s', (_, major, bits, image, hole) => {
    const decoded = decodeRecord(record(bits, image, hole), major)
    const [first, second] = decoded?.blocks ?? []
    expect(first).toMatchObject({ tablespace: 1663, database: 5, relation: 16384, fork: 0, block: 7 })
    expect(second).toMatchObject({ relation: 16384, block: 9, image: undefined })
    expect(Buffer.from(first?.data ?? []).toString()).toBe('abc')
    expect(Buffer.from(decoded?.main ?? []).toString()).toBe('mn')
    const restored = first?.image && restoreImage(first.image, 8192)
    expect(restored && page.equals(restored)).toBe(true)
  })

  test('an image that only checks consistency is not taken for the page', () => {
    expect(
      decodeRecord(record(0x01, Buffer.from('headtail'), undefined), 15)?.blocks[0]?.image,
    ).toBeUndefined()
  })

  test('bytes that are cut off end in no exception, and what goes on behind the end is no record', () => {
    const whole = record(0x01 | 0x02, Buffer.from('headtail'), undefined)
    for (let size = 25; size < whole.length; size++)
      expect(() => decodeRecord(whole.subarray(0, size), 15), String(size)).not.toThrow()
    expect(decodeRecord(Buffer.concat([whole, Buffer.alloc(1)]), 15)).toBeUndefined()
  })
})

describe('compressed images', () => {
  test('repeat what came before, also over themselves', () => {
    // Literals "ab", then ten bytes from two back.
    expect(Buffer.from(decompressPglz(Buffer.from([0b100, 97, 98, 0x07, 2]), 12) ?? []).toString()).toBe(
      'abababababab',
    )
    expect(Buffer.from(decompressLz4(Buffer.from([0x26, 97, 98, 2, 0, 0x10, 33]), 13) ?? []).toString()).toBe(
      'abababababab!',
    )
  })

  test('that lead outside of what is there are refused', () => {
    expect(decompressPglz(Buffer.from([0b10, 97, 0x07, 2]), 12)).toBeUndefined()
    expect(decompressPglz(Buffer.from([0, 97]), 12)).toBeUndefined()
    expect(decompressLz4(Buffer.from([0x16, 97, 2, 0, 0]), 12)).toBeUndefined()
    expect(decompressLz4(Buffer.from([0xf0]), 12)).toBeUndefined()
  })
})

describe('a commit', () => {
  /** Two sub-transactions, a dropped file, statistics, a message, and the id that was prepared. */
  function commit(statisticsBytes: number): Buffer {
    const parts = [8 + 4, 4 + 8, 4 + 12, 4 + statisticsBytes, 4 + 16, 4].map(size => Buffer.alloc(size))
    const [head, subtransactions, files, statistics, messages, prepared] = parts
    head?.writeUInt32LE((1 << 1) | (1 << 2) | (1 << 3) | (1 << 4) | (1 << 5) | (1 << 8), 8)
    for (const list of [files, statistics, messages]) list?.writeUInt32LE(1, 0)
    subtransactions?.writeUInt32LE(2, 0)
    subtransactions?.writeUInt32LE(801, 4)
    subtransactions?.writeUInt32LE(802, 8)
    for (const [i, number] of [1663, 5, 16390].entries()) files?.writeUInt32LE(number, 4 + i * 4)
    prepared?.writeUInt32LE(800, 0)
    return Buffer.concat(parts)
  }

  test.each([
    [15, 12],
    [17, 12],
    [18, 16],
  ])('of PostgreSQL %i tells everything that it ends', (major, statisticsBytes) => {
    const data = commit(statisticsBytes)
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
    expect(parseTransactionRecord(0x0130 | 0x80, view, major)).toMatchObject({
      preparedXid: 800,
      subtransactions: [801, 802],
      droppedFiles: [{ tablespace: 1663, database: 5, relation: 16390 }],
      catalogueMessages: 1,
      isReplicated: true,
    })
  })
})

test.each([
  [17, 0],
  [18, 4],
])('a row of pg_class of PostgreSQL %i', (major, shift) => {
  const tuple = Buffer.alloc(150)
  tuple.writeUInt32LE(16384, 0)
  tuple.write('users', 4)
  tuple.writeUInt32LE(2200, 68)
  tuple.writeUInt32LE(16390, 88)
  tuple.writeUInt32LE(16387, 108 + shift)
  tuple.write('\u0001\u0000pr', 112 + shift, 'latin1')
  expect(parseClassRow(tuple, major)).toEqual({
    oid: 16384,
    name: 'users',
    namespace: 2200,
    file: 16390,
    tablespace: 0,
    toast: 16387,
    persistence: 'p',
    kind: 'r',
  })
})
