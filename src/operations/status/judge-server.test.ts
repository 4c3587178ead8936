/** What is said of a server: its archiver and the disk it fills, its slots, its clock. */
import { describe, expect, test } from 'vitest'
import { healthyFacts } from '../../../test/fakes/server-facts.ts'
import { Fault } from '../../base/fault.ts'
import { GiB, MiB, hour, minute, second } from '../../base/units.ts'
import type { ArchiverFacts } from '../../postgres/archiver-facts.ts'
import type { SlotFacts } from '../../postgres/slot-facts.ts'
import type { PlaceFacts } from './facts.ts'
import {
  diskFullInMs,
  ofClock,
  ofOtherCluster,
  ofServer,
  ofUnseenServer,
  type ServerToJudge,
} from './judge-server.ts'

const nowMs = Date.parse('2026-03-01T12:00:00Z')
const segmentBytes = 16 * MiB

function server(
  archiver: Partial<ArchiverFacts>,
  more: Partial<ServerToJudge> & { writtenBytes?: number } = {},
): ServerToJudge {
  return {
    slots: [],
    walFolder: { path: '/pg_wal', freeBytes: 10 * GiB },
    ...more,
    facts: healthyFacts({
      lsn: 4n * BigInt(segmentBytes) + BigInt(more.writtenBytes ?? 0),
      archiver,
    }),
  }
}

/** The third segment waits, so that what was written after it counts. */
const waitingSince = (agoMs: number, count = 3): Partial<ArchiverFacts> => ({
  ready: { count, oldestWal: '000000010000000000000003', oldestMs: nowMs - agoMs },
})
const failed = (agoMs: number): Partial<ArchiverFacts> => ({
  lastFailedMs: nowMs - 10 * second,
  lastArchivedMs: nowMs - agoMs - minute,
  failedCount: 3,
  lastFailedWal: '000000010000000000000003',
  ...waitingSince(agoMs),
})

describe('the disk of pg_wal', () => {
  test('is full when what is free is written, at the rate since the first file waits', () => {
    const busy = server(waitingSince(10 * minute), { writtenBytes: GiB })
    expect(diskFullInMs(busy)).toBeCloseTo(100 * minute, -3)
  })

  test.each([
    ['nothing waits', server({ ready: { count: 0, oldestWal: undefined, oldestMs: undefined } })],
    ['nothing is written', server(waitingSince(10 * minute))],
    ['too little was seen', server(waitingSince(second), { writtenBytes: GiB })],
    [
      'it is not on this host',
      server(waitingSince(10 * minute), { writtenBytes: GiB, walFolder: undefined }),
    ],
  ])('is not known to fill when %s', (_, quiet) => {
    expect(diskFullInMs(quiet)).toBeUndefined()
  })
})

describe('the archiver', () => {
  test.each<[string, ServerToJudge, readonly string[]]>([
    ['works', server(waitingSince(0, 0)), []],
    ['has just failed', server(failed(minute)), ['archiver-failing warning']],
    ['has failed for long', server(failed(hour)), ['archiver-failing critical']],
    [
      'has just failed, and the disk is nearly full',
      server(failed(minute), { writtenBytes: GiB }),
      ['archiver-failing critical'],
    ],
    ['is switched off', server({ mode: 'off' }), ['archiver-failing critical']],
    [
      'is behind',
      server({ ...waitingSince(minute, 100), lastArchivedMs: nowMs - second }),
      ['archiver-behind warning'],
    ],
    [
      'works, and the disk is full within the day',
      server({ ...waitingSince(hour), lastArchivedMs: nowMs - second }, { writtenBytes: GiB }),
      ['archiver-behind warning'],
    ],
  ])('that %s', (_, seen, told) => {
    const found = ofServer(seen, true)
    expect(found.map(({ code, state }) => `${code} ${state}`)).toEqual(told)
    expect(found.every(({ repository }) => repository === null)).toBe(true)
  })

  test('tells how long the disk lasts', () => {
    const [found] = ofServer(server(failed(10 * minute), { writtenBytes: GiB }), true)
    expect(found?.message).toMatch(/at this rate the disk of pg_wal is full in 1h 40m/)
  })

  test('is nobody’s concern where no WAL is kept', () => {
    expect(ofServer(server({ mode: 'off' }), false)).toEqual([])
  })
})

describe('a slot', () => {
  const slot = (more: Partial<SlotFacts>): SlotFacts => ({
    name: 'standby',
    kind: 'physical',
    isActive: false,
    heldBytes: 100 * segmentBytes,
    walStatus: 'extended',
    ...more,
  })
  test.each<[string, SlotFacts, readonly string[]]>([
    ['that is read', slot({ isActive: true }), []],
    ['that holds little', slot({ heldBytes: segmentBytes }), []],
    ['that holds nothing', slot({ heldBytes: undefined, walStatus: undefined }), []],
    ['that nobody reads', slot({}), ['warning']],
    ['that holds more than is free', slot({ heldBytes: 11 * GiB }), ['critical']],
    ['that is about to lose WAL', slot({ isActive: true, walStatus: 'unreserved' }), ['warning']],
    ['that has lost it', slot({ heldBytes: undefined, walStatus: 'lost' }), ['warning']],
  ])('%s', (_, one, told) => {
    const found = ofServer(server({}, { slots: [one] }), false)
    expect(found.map(({ state }) => state)).toEqual(told)
    expect(found.every(({ code, subject }) => code === 'slot-lag' && subject === 'standby')).toBe(true)
  })
})

test.each([
  [2 * second, undefined],
  [minute, /1m 00s ahead of/],
  [-minute, /1m 00s behind/],
])('a clock that is %i ms off', (aheadMs, says) => {
  const found = ofClock('the server', null, aheadMs)
  expect(found).toHaveLength(says ? 1 : 0)
  for (const { message } of found) expect(message).toMatch(says ?? /./)
})

test('a repository of another cluster is told, unless nothing lies in it', () => {
  const seen = { where: 'db1:5432', facts: healthyFacts({}) }
  const place = (systemIdentifier: string, wal: number): PlaceFacts =>
    ({
      place: { name: 'main' },
      systemIdentifier,
      backups: [],
      wal: new Map(Array.from({ length: wal }, (_, i) => [String(i), {}])),
    }) as unknown as PlaceFacts
  const own = seen.facts.systemIdentifier
  expect(ofOtherCluster(seen, [place(own, 3), place('1', 0)])).toEqual([])
  expect(ofOtherCluster(seen, [place('1', 3)])).toMatchObject([
    { code: 'other-cluster', state: 'critical', repository: 'main' },
  ])
})

test('a server that can not be read is a warning: what is stored is as good as before', () => {
  const fault = new Fault('POSTGRES_UNREACHABLE', 'PostgreSQL at db:5432 can not be reached: no answer', {
    hint: 'Start it.',
  })
  expect(ofUnseenServer({ fault })).toMatchObject([
    {
      code: 'server-unreachable',
      state: 'warning',
      repository: null,
      message: `${fault.message}: whether what it writes becomes safe is not known`,
      fix: 'Start it.',
    },
  ])
})
