import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeKeptRecord, keptName, parseKeptName, parseKeptRecord, type KeptRecord } from './kept-record.ts'

const kept = fc.record<KeptRecord>({
  format: fc.constant(1),
  cluster: fc.constant('gathr'),
  id: fc.constantFrom('20260301T020000Z-full', '20260301T020000Z-dump'),
  rule: fc.option(fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,20}$/), { nil: null }),
  until: fc.option(
    fc.integer({ min: 0, max: 7e9 }).map(seconds => new Date(seconds * 1000).toISOString()),
    { nil: null },
  ),
  archivedAt: fc.constant('2026-03-01T02:10:00.000Z'),
  reason: fc.string(),
  storageClass: fc.option(fc.string(), { nil: null }),
  tool: fc.string(),
})

test('a note is read as it was written', () => {
  fc.assert(
    fc.property(kept, record => {
      expect(parseKeptRecord(encodeKeptRecord(record), 'a note')).toEqual(record)
    }),
  )
})

test('its name tells until when, and by which rule', () => {
  fc.assert(
    fc.property(kept, record => {
      const untilMs = record.until === null ? undefined : Date.parse(record.until)
      const isByHand = record.rule === null || record.rule === 'by-hand'
      const rule = isByHand ? undefined : record.rule
      expect(parseKeptName(keptName(record))).toEqual({ untilMs, rule })
    }),
  )
})

test.each(['', 'forever', '20260301T020000Z', '20269901T020000Z-monthly', 'soon-monthly', 'forever-A'])(
  '%j is no name of a note',
  name => {
    expect(parseKeptName(name)).toBeUndefined()
  },
)
