import { crc32c } from '@node-rs/crc32'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WalWriter } from '../../../test/fakes/wal-writer.ts'
import type { ReadEvent, RecordPlace } from '../../wal/events.ts'
import { formatLsn } from '../../wal/lsn.ts'
import { parseTime } from '../../wal/time.ts'
import { scanCommitTimes, CommitTimesScanner } from './commit-times.ts'
import { readWalEvents, type ReadOptions } from './read-events.ts'

const checked: ReadOptions = { crc32c: (bytes, before) => crc32c(bytes, before) }
const time = parseTime('2026-03-01 02:00Z') ?? 0

async function eventsOf(segments: Iterable<Uint8Array>, options = checked): Promise<ReadEvent[]> {
  return Array.fromAsync(readWalEvents(segments, options))
}

function endOf(events: readonly ReadEvent[]): ReadEvent & { kind: 'end' } {
  const end = events.at(-1)
  if (end?.kind !== 'end') throw new Error('the last event is the end')
  return end
}

type Step =
  | { readonly kind: 'commit' | 'abort'; readonly xid: number; readonly delta: number }
  | { readonly kind: 'filler'; readonly sizeBytes: number }
  | { readonly kind: 'restore point'; readonly name: string }
  | { readonly kind: 'switch' }

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constantFrom('commit', 'abort'),
        xid: fc.nat(1e9),
        delta: fc.nat(1e9),
      }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('filler'), sizeBytes: fc.nat(3000) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('filler'), sizeBytes: fc.nat(60_000) }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('restore point'), name: fc.stringMatching(/^[a-z]{1,20}$/) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('switch') }) },
  ),
  { maxLength: 60 },
)

function write(
  wal: WalWriter,
  list: readonly Step[],
): { expected: ReadEvent[]; last: RecordPlace | undefined } {
  const expected: ReadEvent[] = []
  let last: RecordPlace | undefined
  for (const step of list) {
    switch (step.kind) {
      case 'commit':
      case 'abort':
        last =
          step.kind === 'commit'
            ? wal.commit(step.xid, time + step.delta)
            : wal.abort(step.xid, time + step.delta)
        expected.push({ kind: step.kind, xid: step.xid, time: time + step.delta, ...last })
        break
      case 'restore point':
        last = wal.restorePoint(step.name, time)
        expected.push({ kind: step.kind, name: step.name, time, ...last })
        break
      case 'switch':
        last = wal.switch()
        expected.push({ kind: step.kind, ...last })
        break
      case 'filler':
        last = wal.filler(step.sizeBytes)
    }
  }
  return { expected, last }
}

describe('reading WAL', () => {
  test('every record is found where it was written, over pages and segments, with and without checksums', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.constantFrom(1024, 8192, 16_384), async (list, pageSizeBytes) => {
        const wal = new WalWriter({ segmentSizeBytes: 32 * 1024, pageSizeBytes })
        const { expected, last } = write(wal, list)
        for (const options of [checked, {}]) {
          const events = await eventsOf(wal.segments.values(), options)
          expect(events.slice(0, -1)).toEqual(expected)
          expect(endOf(events).lastRecord).toEqual(last)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('reading may begin at any segment: what began before is passed over', async () => {
    const wal = new WalWriter({ segmentSizeBytes: 32 * 1024 })
    const { expected } = write(
      wal,
      Array.from({ length: 320 }, (_, i) =>
        i % 2 ? { kind: 'filler', sizeBytes: 2000 } : { kind: 'commit', xid: i, delta: i },
      ),
    )
    const segments = [...wal.segments.values()]
    expect(segments.length).toBeGreaterThan(4)
    for (let skip = 1; skip < segments.length; skip++) {
      const events = await eventsOf(segments.slice(skip))
      const found = events.slice(0, -1)
      expect(expected.slice(expected.length - found.length)).toEqual(found)
    }
  })

  test('the id of a prepared transaction is found behind all that may stand before it', async () => {
    for (const [magic, itemBytes] of [
      [0xd110, 12],
      [0xd118, 16],
    ] as const) {
      const wal = new WalWriter({ magic })
      const place = wal.commitPrepared(4711, time, itemBytes)
      expect((await eventsOf(wal.segments.values()))[0]).toEqual({
        kind: 'commit',
        xid: 4711,
        time,
        ...place,
      })
    }
  })

  test('the first record at or after a position is told, with what it is', async () => {
    const wal = new WalWriter()
    const first = wal.commit(1, time)
    const second = wal.filler(100)
    const third = wal.commit(3, time)
    const watched = async (watchLsn: bigint): Promise<ReadEvent | undefined> =>
      (await eventsOf(wal.segments.values(), { ...checked, watchLsn })).find(({ kind }) => kind === 'watched')
    expect(await watched(first.startLsn)).toEqual({
      kind: 'watched',
      ...first,
      event: { kind: 'commit', xid: 1, time, ...first },
    })
    expect(await watched(first.startLsn + 1n)).toEqual({ kind: 'watched', ...second, event: undefined })
    expect(await watched(third.startLsn)).toMatchObject(third)
    expect(await watched(third.startLsn + 1n)).toBeUndefined()
  })

  test('reading ends where the bytes of a record were changed, and says so', async () => {
    const wal = new WalWriter()
    wal.commit(1, time)
    const filler = wal.filler(500)
    wal.commit(2, time)
    const [segment = Buffer.alloc(0)] = wal.segments.values()
    segment[(Number(filler.startLsn) % wal.segmentSizeBytes) + 100] = 0xff
    const events = await eventsOf([segment])
    expect(events.filter(({ kind }) => kind === 'commit')).toHaveLength(1)
    expect(endOf(events).trouble).toMatch(/fails its checksum/)
    expect((await eventsOf([segment], {})).filter(({ kind }) => kind === 'commit')).toHaveLength(2)
  })

  test('pages left over from the former use of a file end the WAL', async () => {
    const old = new WalWriter()
    const wal = new WalWriter({ startLsn: BigInt(old.segmentSizeBytes) * 5n })
    while (old.segments.size < 2) old.commit(1, time)
    const last = [1, 2, 3].map(xid => wal.commit(xid, time)).at(-1)
    const [[name = '', mixed] = []] = wal.segments
    const [oldSegment = Buffer.alloc(0)] = old.segments.values()
    oldSegment.copy(mixed ?? oldSegment, 8192, 8192)
    expect(name).not.toBe('')
    const events = await eventsOf([mixed ?? oldSegment])
    expect(endOf(events)).toMatchObject({ lastRecord: last })
    expect(events.filter(({ kind }) => kind === 'commit')).toHaveLength(3)
    expect(scanCommitTimes(mixed ?? oldSegment)?.count).toBe(3)
  })

  test('a record that a crash cut off is forgotten, within a segment and at its end', async () => {
    for (const before of [1, 1100]) {
      const wal = new WalWriter({ segmentSizeBytes: 64 * 1024 })
      const commits = Array.from({ length: before }, (_, i) => wal.commit(i, time))
      while (before > 1 && wal.segments.size < 2 && Number(wal.lsn % 65_536n) < 57_344)
        commits.push(wal.commit(1, time))
      wal.abandoned()
      commits.push(wal.commit(7, time))
      const events = await eventsOf(wal.segments.values())
      expect(events.slice(0, -1)).toMatchObject(commits)
    }
  })

  test('records go on after a promotion in the segment of the new timeline', async () => {
    const parent = new WalWriter()
    const before = Array.from({ length: 50 }, (_, i) => parent.commit(i, time + i))
    const child = parent.branch(2)
    const after = Array.from({ length: 2000 }, (_, i) => child.commit(100 + i, time + 100 + i))
    const events = await eventsOf(child.segments.values())
    expect(events.filter(({ kind }) => kind === 'commit')).toHaveLength(before.length + after.length)
    expect(endOf(events).trouble).toBe(`the WAL ends at ${formatLsn(child.lsn)}`)
  })
})

describe('the times in one segment', () => {
  test('are those of the records that begin in it and tell their time in it, however the segment is cut', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async list => {
        const wal = new WalWriter({ segmentSizeBytes: 32 * 1024 })
        const { expected } = write(wal, list)
        for (const [name, segment] of wal.segments) {
          const start = BigInt(Number.parseInt(name.slice(16), 16)) * BigInt(wal.segmentSizeBytes)
          const end = start + BigInt(wal.segmentSizeBytes)
          // 34 bytes: header, header of the data, time.
          const inside = expected.filter(
            event =>
              (event.kind === 'commit' || event.kind === 'abort') &&
              event.startLsn >= start &&
              event.startLsn + 34n <= end,
          ) as { time: number }[]
          const scanned = scanCommitTimes(segment)
          expect(scanned?.count ?? 0).toBe(inside.length)
          if (inside.length > 0) {
            expect(scanned?.earliest).toBe(Math.min(...inside.map(event => event.time)))
            expect(scanned?.latest).toBe(Math.max(...inside.map(event => event.time)))
          }
          for (const pieceBytes of [8192, 16_384]) {
            const scanner = new CommitTimesScanner()
            for (let at = 0; at < segment.length; at += pieceBytes)
              scanner.add(segment.subarray(at, at + pieceBytes))
            expect(scanner.end()).toEqual(scanned)
          }
        }
      }),
      { numRuns: 100 },
    )
  })

  test('are absent for bytes that are no WAL', () => {
    expect(scanCommitTimes(Buffer.alloc(16_384))).toBeUndefined()
    expect(scanCommitTimes(Buffer.alloc(10))).toBeUndefined()
  })
})
