import { describe, expect, test } from 'vitest'
import { day } from '../base/units.ts'
import { planDumps, type DumpFacts } from './dump-retention.ts'
import type { KeepRules } from './keep-rules.ts'

const nowMs = Date.parse('2026-03-31T12:00Z')

/** Made at two o'clock, so many days ago. */
function dumpOf(daysAgo: number, databases: readonly string[], more: Partial<DumpFacts> = {}): DumpFacts {
  const endedMs = Date.parse('2026-03-31T02:00Z') - daysAgo * day
  return {
    id: `${new Date(endedMs).toISOString().slice(5, 10)} ${databases.join('+')}`,
    timeline: 1,
    lsn: BigInt(endedMs),
    endedAt: endedMs * 1000,
    isOfAll: false,
    isWhole: true,
    databases,
    isDamaged: false,
    ...more,
  }
}
const ofAll = (daysAgo: number, databases: readonly string[], more: Partial<DumpFacts> = {}): DumpFacts =>
  dumpOf(daysAgo, databases, { isOfAll: true, ...more })
const kept = (dumps: readonly DumpFacts[], rules: KeepRules | undefined, minimum = 1): string[] =>
  planDumps(dumps, { dumps: rules, minimum, timeZone: 'UTC' }, nowMs)
    .filter(({ reasons }) => reasons.length > 0)
    .map(({ dump }) => dump.id)

describe('retention of dumps', () => {
  test('keeps all when nothing is said', () => {
    expect(kept([ofAll(9, ['a']), ofAll(0, ['a'])], undefined)).toHaveLength(2)
  })

  test('counts each selection of databases by itself: one made by hand does not take the place of the nightly one', () => {
    const dumps = [ofAll(2, ['a', 'b']), ofAll(1, ['a', 'b']), dumpOf(0, ['a']), dumpOf(0.1, ['a'])]
    expect(kept(dumps, { last: 1 })).toEqual(['03-30 a+b', '03-31 a'])
  })

  test('a database that is dropped does not keep the dumps of all for ever', () => {
    expect(kept([ofAll(40, ['a', 'gone']), ofAll(0, ['a'])], { withinMs: 30 * day })).toEqual(['03-31 a'])
  })

  test('the last good one of each database is kept, unless a newer dump holds it, too', () => {
    const old = [dumpOf(90, ['a']), dumpOf(80, ['b']), dumpOf(70, ['b'], { isDamaged: true })]
    expect(kept(old, { withinMs: 30 * day })).toEqual(['12-31 a', '01-10 b'])
    expect(kept([...old, ofAll(0, ['a', 'b'])], { withinMs: 30 * day })).toEqual(['03-31 a+b'])
    const partial = ofAll(0, ['a', 'b'], { isWhole: false })
    expect(kept([...old, partial], { withinMs: 30 * day })).toHaveLength(3)
  })

  test('`minimum` is never gone below, however old they are', () => {
    expect(kept([dumpOf(90, ['a']), dumpOf(80, ['a']), dumpOf(70, ['a'])], { withinMs: day }, 2)).toEqual([
      '01-10 a',
      '01-20 a',
    ])
  })

  test('one of a host whose clock is years behind is as young as the one before it', () => {
    const wrong = ofAll(0, ['a'], { id: 'wrong', endedAt: Date.parse('1999-01-01') * 1000 })
    expect(kept([ofAll(1, ['a']), { ...wrong, lsn: BigInt(nowMs) }], { withinMs: 2 * day })).toEqual([
      '03-30 a',
      'wrong',
    ])
  })
})
