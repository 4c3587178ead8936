/** What is said of how much would be lost, against what was promised. */
import { expect, test } from 'vitest'
import { hour, minute } from '../../base/units.ts'
import { newestMomentMs, type Exposure } from './exposure.ts'
import { leastExposure, ofRpo } from './judge-rpo.ts'

const exposure = (lostMs: number | undefined, isUpperBound = false): Exposure => ({ lostMs, isUpperBound })

test.each<[string, Readonly<Record<string, Exposure>>, readonly string[]]>([
  ['all is durable', { main: exposure(0), second: exposure(0) }, []],
  ['the promise holds', { main: exposure(59 * minute) }, []],
  ['more would be lost', { main: exposure(2 * hour) }, ['main critical']],
  ['one of two is late', { main: exposure(minute), second: exposure(2 * hour) }, ['second warning']],
  [
    'both are late',
    { main: exposure(2 * hour), second: exposure(3 * hour) },
    ['main critical', 'second critical'],
  ],
  ['nobody asked the server', { main: exposure(2 * hour, true) }, ['main warning']],
  ['nothing can be restored, which is told elsewhere', { main: exposure(undefined) }, []],
])('when %s', (_, exposures, told) => {
  const found = ofRpo(new Map(Object.entries(exposures)), hour)
  expect(found.map(({ repository, state }) => `${repository ?? ''} ${state}`)).toEqual(told)
  expect(found.every(({ code }) => code === 'rpo-over-target')).toBe(true)
  expect(ofRpo(new Map(Object.entries(exposures)), undefined)).toEqual([])
})

test('says how much, and when that is only a bound', () => {
  const [sure] = ofRpo(new Map([['main', exposure(2 * hour)]]), hour)
  expect(sure?.message).toMatch(/would cost what was committed in the last 2h.*RPO of 1h/)
  const [bound] = ofRpo(new Map([['main', exposure(2 * hour, true)]]), hour)
  expect(bound?.message).toMatch(/might cost .* the server did not tell/)
})

test('a dump counts from when it began, and only when it holds all', () => {
  const dumped = (startedAt: string, databases: 'all' | 'named', contents: 'all' | 'part') => ({
    id: 'x',
    startedAt,
    endedAt: '2026-01-01T05:00:00Z',
    durationMs: 1,
    sizes: { databases: 1, tables: 1, rows: 1, rawBytes: 1, storedBytes: 1 },
    databases: [],
    selection: { databases, contents },
  })
  const dumps = [
    dumped('2026-01-01T01:00:00Z', 'all', 'all'),
    dumped('2026-01-01T02:00:00Z', 'named', 'all'),
    dumped('2026-01-01T03:00:00Z', 'all', 'part'),
  ]
  expect(newestMomentMs({ windows: [], managed: [], dumps })).toBe(Date.parse('2026-01-01T01:00:00Z'))
  expect(newestMomentMs({ windows: [], managed: [], dumps: dumps.slice(1) })).toBeUndefined()
})

test('the strategy loses what the repository that is furthest would lose', () => {
  expect(leastExposure([exposure(undefined), exposure(5), exposure(3), exposure(9)])).toEqual(exposure(3))
  expect(leastExposure([])).toBeUndefined()
})
