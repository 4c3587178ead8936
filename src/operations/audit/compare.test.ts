import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { AuditBatch } from '../../repository/audit-batches.ts'
import { compareCopy, type OwnTrailFacts } from './compare.ts'

const hash = (n: number): string => n.toString(16).padStart(64, '0')
const batch = (first: number, last: number, of = last): AuditBatch => ({
  chain: 'db1-aa',
  first,
  last,
  hash: hash(of),
})
const hashes = (count: number) => new Map(Array.from({ length: count }, (_, i) => [i + 1, hash(i + 1)]))
const head = (n: number) => ({ chain: 'db1-aa', n, hash: hash(n) })
const own = (
  newest: ReturnType<typeof head> | undefined,
  known: ReadonlyMap<number, string>,
  more: Partial<OwnTrailFacts> = {},
): OwnTrailFacts => ({ head: newest, hashes: known, first: 1, mayLack: 0, ...more })
const messages = (here: number, ...batches: readonly AuditBatch[]) =>
  compareCopy('main', own(head(here), hashes(here)), batches).problems.map(({ message }) => message)

test('a copy that goes as far as the trail, or not as far, is right', () => {
  expect(compareCopy('main', own(head(5), hashes(5)), [batch(1, 2), batch(3, 5)])).toEqual({
    copied: 5,
    owed: 0,
    problems: [],
  })
  expect(compareCopy('main', own(head(5), hashes(5)), [batch(1, 2)])).toEqual({
    copied: 2,
    owed: 3,
    problems: [],
  })
  expect(compareCopy('main', own(undefined, new Map()), [])).toEqual({ copied: 0, owed: 0, problems: [] })
})

test('two that sent at the same time may have written the same twice', () => {
  expect(messages(5, batch(1, 3), batch(2, 5), batch(1, 2))).toEqual([])
})

test('what is wrong is told', () => {
  expect(messages(3, batch(1, 2), batch(3, 5))).toEqual([
    'repository main has entries 4 to 5, and here the trail ends before: its end was cut off',
  ])
  expect(messages(6, batch(1, 2), batch(5, 6))).toEqual(['repository main lacks entries 3 to 4'])
  expect(messages(6, batch(3, 6))).toEqual(['repository main lacks entries 1 to 2'])
  expect(messages(6, batch(1, 4, 9))).toEqual([
    'entry 4 is another one here than in repository main: one of them was replaced',
  ])
  const lost = new Map(hashes(6))
  lost.delete(4)
  expect(compareCopy('main', own(head(6), lost), [batch(1, 4)]).problems).toMatchObject([
    { n: 4, message: 'entry 4 is in repository main, and not here' },
  ])
})

test('of any history that was copied, a cut, a rewriting and a batch that is missing are found', () => {
  const ends = fc
    .uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 2, maxLength: 10 })
    .map(list => list.toSorted((a, b) => a - b))
  fc.assert(
    fc.property(ends, fc.nat(), (lasts, drawn) => {
      const batches = lasts.map((last, i) => batch((lasts[i - 1] ?? 0) + 1, last))
      const end = lasts.at(-1) ?? 0
      expect(messages(end, ...batches)).toEqual([])
      expect(messages(drawn % end, ...batches)).not.toEqual([])
      const rewrittenFrom = 1 + (drawn % end)
      const rewritten = new Map(
        [...hashes(end)].map(([n, own]) => [n, n < rewrittenFrom ? own : hash(n + 1000)]),
      )
      expect(compareCopy('main', own(head(end), rewritten), batches).problems).not.toEqual([])
      const missing = drawn % (batches.length - 1)
      expect(messages(end, ...batches.toSpliced(missing, 1))).not.toEqual([])
    }),
  )
})

test('what is old may be gone, here or there, and nothing else', () => {
  const problems = (more: Partial<OwnTrailFacts>, ...batches: readonly AuditBatch[]) =>
    compareCopy('main', own(head(8), hashes(8), more), batches).problems.map(({ message }) => message)
  expect(problems({ mayLack: 4 }, batch(4, 6), batch(7, 8))).toEqual([])
  expect(problems({ mayLack: 2 }, batch(4, 6))).toEqual(['repository main lacks entries 1 to 3'])
  expect(problems({ mayLack: 7 }, batch(4, 5), batch(7, 8))).toEqual(['repository main lacks entry 6'])
  const later = new Map([...hashes(8)].filter(([n]) => n >= 4))
  expect(problems({ first: 4, mayLack: 3, hashes: later }, batch(1, 2), batch(3, 8))).toEqual([])
})
