/** How a drill judges what it finds, without a server. */
import { describe, expect, test } from 'vitest'
import { Fault } from '../../base/fault.ts'
import { GiB, MiB } from '../../base/units.ts'
import { simWorld } from '../../base/world.ts'
import { librariesIn, librarySetting } from '../../postgres/local-server/preloaded-libraries.ts'
import { Checklist, failed, ok } from './checklist.ts'
import { drillLimits } from './drill-limits.ts'
import { lostSince } from './lost-since.ts'
import { PhaseMeter, wayBackMs } from './phase-meter.ts'
import { judgeTime, judgeValue } from './questions/assertions.ts'
import { judgeAgainstLast, judgeAgainstLive } from './questions/judge-rows.ts'
import { judgeFiles } from './questions/relations-present.ts'
import { missingLibrary } from './restore-backup.ts'
import { drillSettings } from './settings.ts'

const { signal } = new AbortController()
const rows = (table: string, count: number, database = 'shop') => ({
  database,
  table,
  rows: count,
  exact: true,
})

describe('rows against the live server', () => {
  test('may differ by the share, and by what estimates are worth', () => {
    const live = [rows('a', 1000), rows('b', 1000), rows('small', 90), rows('made later', 5)]
    expect(judgeAgainstLive([rows('a', 801), rows('small', 1)], live, 0.2)).toMatchObject({ state: 'ok' })
    const answer = judgeAgainstLive([rows('a', 799), rows('b', 1251)], live, 0.2)
    expect(answer.state).toBe('failed')
    expect(answer.evidence).toEqual([
      'shop: a: 799 came back, the live server says 1,000',
      'shop: b: 1,251 came back, the live server says 1,000',
      '2 tables, by the statistics of the live server, within 20%',
    ])
  })

  test('are not compared where one side has no such table', () => {
    expect(judgeAgainstLive([rows('a', 5)], [rows('a', 10_000, 'other')], 0.2).state).toBe('ok')
  })
})

describe('rows against the last drill', () => {
  const how = { share: 0.1, isWhole: true, lastId: '20260101T040000Z-drill' }

  test('may grow, and fall by the share', () => {
    const last = [rows('a', 1000), rows('b', 10)]
    expect(judgeAgainstLast([rows('a', 900), rows('b', 5000)], last, how).state).toBe('ok')
    expect(judgeAgainstLast([rows('a', 899), rows('b', 10)], last, how)).toMatchObject({
      state: 'failed',
      evidence: expect.arrayContaining(['shop: a: 899, it had 1,000']) as string[],
    })
  })

  test('a table that is gone has lost all of them, when every table of its database was counted', () => {
    const last = [rows('a', 1000), rows('b', 10), rows('empty', 0), rows('c', 1, 'another')]
    expect(judgeAgainstLast([rows('a', 1000)], last, how).evidence).toContain('shop: b: is gone, it had 10')
    expect(judgeAgainstLast([rows('a', 1000)], last, { ...how, isWhole: false }).state).toBe('ok')
  })
})

describe('assertions', () => {
  test('compare text as text and numbers as numbers', () => {
    expect(judgeValue('10', { equals: 10, atLeast: undefined }).state).toBe('ok')
    expect(judgeValue('10.0', { equals: 10, atLeast: undefined }).state).toBe('ok')
    expect(judgeValue('10.0', { equals: '10', atLeast: undefined }).state).toBe('failed')
    expect(judgeValue('true', { equals: true, atLeast: undefined }).state).toBe('ok')
    expect(judgeValue(undefined, { equals: '', atLeast: undefined }).state).toBe('failed')
  })

  test('want enough, and take nothing for too little', () => {
    expect(judgeValue('1000', { equals: undefined, atLeast: 1000 }).state).toBe('ok')
    expect(judgeValue('999', { equals: undefined, atLeast: 1000 })).toEqual(
      failed('expected at least 1000', ['found 999']),
    )
    expect(judgeValue(undefined, { equals: undefined, atLeast: 0 }).state).toBe('failed')
    expect(judgeValue('many', { equals: undefined, atLeast: 0 }).state).toBe('failed')
  })

  test('want a time that is not too long ago', () => {
    const moment = Date.parse('2026-03-01T04:00:00Z')
    expect(judgeTime(moment - 3_600_000, 3_600_000, moment).state).toBe('ok')
    expect(judgeTime(moment - 3_600_001, 3_600_000, moment).state).toBe('failed')
    expect(judgeTime(undefined, 3_600_000, moment).state).toBe('failed')
  })
})

test('files of a relation: none at all, or one that ends where a piece is full and went on once', () => {
  const shape = { blockSizeBytes: 8192, segmentBlocks: 131_072 }
  expect(judgeFiles([], 0, shape)).toBe('has no file')
  expect(judgeFiles([0], 0, shape)).toBeUndefined()
  expect(judgeFiles([8192], 5, shape)).toBeUndefined()
  expect(judgeFiles([GiB], 131_072, shape)).toBeUndefined()
  expect(judgeFiles([GiB, 8192], 131_073, shape)).toBeUndefined()
  expect(judgeFiles([GiB], 131_073, shape)).toContain('the next piece is missing')
})

describe('the checklist', () => {
  const questions = [
    { id: 'a', question: 'A?' },
    { id: 'b', question: 'B?' },
  ]

  test('has every question, and why one was not asked', async () => {
    const list = new Checklist(questions, simWorld().clock)
    await list.ask('b', () => Promise.resolve(ok('seen')), signal)
    expect(list.all('cut off').map(({ id, state, reason }) => `${id} ${state} ${reason}`.trim())).toEqual([
      'a not-asked cut off',
      'b ok',
    ])
  })

  test('a question that can not be answered has failed; a mistake of ours is none of its answers', async () => {
    const list = new Checklist(questions, simWorld().clock)
    const lost = new Fault('POSTGRES_UNREACHABLE', 'the connection broke', { hint: 'Look.' })
    await list.ask('a', () => Promise.reject(lost), signal)
    expect(list.all('')[0]).toMatchObject({ state: 'failed', reason: 'the connection broke' })
    await expect(list.ask('b', () => Promise.reject(new Error('ours')), signal)).rejects.toThrow('ours')
  })

  test('keeps evidence within bounds', () => {
    const list = new Checklist(questions, simWorld().clock)
    list.set('a', failed('x'.repeat(10_000), Array<string>(1000).fill('y'.repeat(10_000))))
    const [answer] = list.all('')
    expect(answer?.evidence).toHaveLength(drillLimits.evidenceLinesMax + 1)
    expect(answer?.evidence.at(-1)).toBe('and 950 more')
    expect(answer?.reason.length).toBeLessThan(drillLimits.evidenceCharsMax + 5)
  })
})

test('phases follow one another, and removal is no part of the way back', async () => {
  const { clock } = simWorld({ startMs: Date.parse('2026-03-01T04:00:00Z') })
  const meter = new PhaseMeter(clock, () => clock.now() / 2)
  meter.begin('provisioning')
  await clock.sleep(100, signal)
  meter.begin('restore')
  meter.count(5)
  meter.count(6)
  await clock.sleep(1000, signal)
  meter.begin('removal')
  await clock.sleep(10, signal)
  const phases = meter.end()
  expect(phases.map(({ name, durationMs, bytes, cpuMs }) => [name, durationMs, bytes, cpuMs])).toEqual([
    ['provisioning', 100, null, null],
    ['restore', 1000, 11, 500],
    ['removal', 10, null, null],
  ])
  expect(wayBackMs(phases)).toBe(1100)
})

describe('what would be lost', () => {
  const cluster = { nextXid: 700n, reached: { time: '2026-03-01T03:00:00Z', lsn: null, timeline: 1 } }
  const now = Date.parse('2026-03-01T04:00:00Z')

  test('is nothing when the restored server has every transaction, however long ago the last one was', () => {
    expect(lostSince(now, 700n, cluster)).toBe(0)
  })

  test('is what came after the last commit; unknown where there was none', () => {
    expect(lostSince(now, 701n, cluster)).toBe(3_600_000)
    expect(lostSince(now, undefined, cluster)).toBe(3_600_000)
    expect(lostSince(now, 701n, { ...cluster, reached: null })).toBeNull()
  })
})

test('the server gets the memory that there is', () => {
  expect(drillSettings(256 * MiB)['shared_buffers']).toBe('32MB')
  expect(drillSettings(4 * GiB)['shared_buffers']).toBe('512MB')
  expect(drillSettings(512 * GiB)['shared_buffers']).toBe('1024MB')
})

test('a library that is missing is told by the words of the server, and left out as it was written', () => {
  const words = 'the server did not start: could not access file "$libdir/pg_cron": No such file or directory'
  expect(missingLibrary(words)).toBe('$libdir/pg_cron')
  expect(missingLibrary('could not access file "x": Permission denied')).toBeUndefined()
  const listed = 'pg_stat_statements, "$libdir/pg_cron","odd ""one"""\n'
  expect(librariesIn(listed)).toEqual(['pg_stat_statements', '$libdir/pg_cron', 'odd "one"'])
  expect(librariesIn('\n')).toEqual([])
  expect(librariesIn(librarySetting(['a', 'odd "one"']))).toEqual(['a', 'odd "one"'])
})
