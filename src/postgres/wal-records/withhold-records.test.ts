import { crc32c } from '@node-rs/crc32'
import { expect, test } from 'vitest'
import { WalWriter } from '../../../test/fakes/wal-writer.ts'
import { randomFrom } from '../../../test/support/random.ts'
import { readWalEvents } from './read-events.ts'
import { newReadState, readRecords } from './read-records.ts'
import { withholdRecords } from './withhold-records.ts'

const sum = (bytes: Uint8Array, before: number): number => crc32c(bytes, before)
const time = 1_772_000_000_000_000

/** A change of one block, with so much data: of the heap's manager, or an image. */
function change(relation: number, dataBytes: number, database = 5): Buffer {
  const header = Buffer.alloc(20)
  header.writeUInt8(0x20, 1)
  header.writeUInt16LE(dataBytes, 2)
  for (const [i, number] of [1663, database, relation, 7].entries()) header.writeUInt32LE(number, 4 + i * 4)
  return Buffer.concat([
    header,
    Buffer.from([255, 3]),
    Buffer.alloc(dataBytes, relation % 251),
    Buffer.from('abc'),
  ])
}

const wantedRelation = 16384
const otherRelation = 16999
const isWanted = ({ database, relation }: { database: number; relation: number }): boolean =>
  database === 0 || (database === 5 && relation !== otherRelation)

function readAll(segments: readonly Uint8Array[]): { kindWord: number; startLsn: bigint; xid: number }[] {
  const state = newReadState(() => true, sum)
  const records = segments.flatMap(segment => [...readRecords(segment, state)])
  expect(state.trouble ?? 'the WAL ends').toMatch(/^the WAL ends/)
  return records.map(({ kindWord, startLsn, xid }) => ({ kindWord, startLsn, xid }))
}

test('what is withheld becomes a record that does nothing, and all else stays as it was', async () => {
  const random = randomFrom(6)
  const wal = new WalWriter({ segmentSizeBytes: 64 * 1024 })
  const kinds: ('wanted' | 'other' | 'elsewhere' | 'commit')[] = []
  for (let i = 0; i < 900; i++) {
    const kind = random.pick(['wanted', 'other', 'elsewhere', 'commit'] as const)
    kinds.push(kind)
    const size = random.chance(0.1) ? random.integer(1000, 20_000) : random.integer(0, 300)
    if (kind === 'commit') wal.commit(700 + i, time + i)
    else if (kind === 'elsewhere') wal.record(11, 0, 700 + i, change(wantedRelation, size, 6))
    else wal.record(10, 0, 700 + i, change(kind === 'wanted' ? wantedRelation : otherRelation, size))
  }
  const before = [...wal.segments.values()].map(segment => Buffer.from(segment))
  const after = before.map(segment => Buffer.from(segment))
  const counts = after.map(segment => withholdRecords(segment, isWanted, sum))

  const [was, is] = [readAll(before), readAll(after)]
  expect(is.map(({ startLsn, xid }) => [startLsn, xid])).toEqual(
    was.map(({ startLsn, xid }) => [startLsn, xid]),
  )
  let [withheld, left] = [0, 0]
  for (const [i, { kindWord }] of is.entries()) {
    const isKept = kindWord === was[i]?.kindWord
    if (kinds[i] === 'wanted' || kinds[i] === 'commit') expect(isKept, String(i)).toBe(true)
    else if (isKept) left++
    else {
      expect(kindWord & 0xffff).toBe(0x0020)
      withheld++
    }
  }
  expect(withheld).toBe(counts.reduce((all, one) => all + one, 0))
  // Only those that lie over two segments are left.
  expect(left).toBeLessThan(before.length)
  const events = async (segments: readonly Uint8Array[]): Promise<unknown> =>
    Array.fromAsync(readWalEvents(segments, { crc32c: sum }))
  expect(await events(after)).toEqual(await events(before))
  // What has been taken out once stays so.
  expect(after.map(segment => withholdRecords(segment, isWanted, sum))).toEqual(counts.map(() => 0))
})

test('a tablespace is never made where the original has it, and databases only when they are wanted', () => {
  const number = (value: number): Buffer => Buffer.from(Uint32Array.of(value, 1663, 1, 1663).buffer)
  const wal = new WalWriter()
  const main = (data: Buffer): Buffer => Buffer.concat([Buffer.from([255, data.length]), data])
  wal.record(5, 0x00, 1, main(number(20000)))
  wal.record(4, 0x00, 1, main(number(6)))
  wal.record(4, 0x20, 1, main(number(5)))
  wal.record(7, 0x00, 1, main(number(6)))
  wal.record(2, 0x10, 1, main(Buffer.from(Uint32Array.of(1663, 5, otherRelation, 0).buffer)))
  wal.record(2, 0x20, 1, main(Buffer.from(Uint32Array.of(0, 1663, 5, wantedRelation, 7).buffer)))
  const [segment = Buffer.alloc(0)] = wal.segments.values()
  expect(withholdRecords(segment, isWanted, sum)).toBe(4)
  expect(readAll([segment]).map(({ kindWord }) => (kindWord & 0xffff).toString(16))).toEqual([
    '20',
    '20',
    '420',
    '20',
    '20',
    '220',
  ])
})

test('bytes that are no segment, or the rest of the file’s former use, are left alone', () => {
  expect(withholdRecords(Buffer.alloc(8192), isWanted, sum)).toBe(0)
  const wal = new WalWriter()
  wal.record(10, 0, 1, change(otherRelation, 9000))
  const [segment = Buffer.alloc(0)] = wal.segments.values()
  segment.fill(0xee, 8192)
  const before = Buffer.from(segment)
  // The record goes on over a page that is not sound: it is changed there, or not at all.
  expect(() => withholdRecords(segment, isWanted, sum)).not.toThrow()
  expect(segment.subarray(0, 40).equals(before.subarray(0, 40))).toBe(true)
})
