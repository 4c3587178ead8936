/** What is said of how much would be lost, against what was promised. */
import { expect, test } from 'vitest'
import { hour, minute } from '../../base/units.ts'
import type { Exposure } from './exposure.ts'
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

test('the strategy loses what the repository that is furthest would lose', () => {
  expect(leastExposure([exposure(undefined), exposure(5), exposure(3), exposure(9)])).toEqual(exposure(3))
  expect(leastExposure([])).toBeUndefined()
})
