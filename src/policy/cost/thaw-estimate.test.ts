import { describe, expect, test } from 'vitest'
import { GiB, hour } from '../../base/units.ts'
import { builtInPrices, parsePrices, pricesOf } from './prices.ts'
import { estimateThaw, thawDaysFor } from './thaw-estimate.ts'

const question = { provider: 's3', region: 'us-east-1', speed: 'standard', days: 3 }
const amount = (storageClass: string, objects: number, bytes: number) => ({ storageClass, objects, bytes })

describe('a thaw', () => {
  test('takes as long as its slowest class, and costs by size and by object', () => {
    const amounts = [amount('GLACIER', 1000, 100 * GiB), amount('DEEP_ARCHIVE', 2000, 50 * GiB)]
    const estimate = estimateThaw(builtInPrices, { ...question, amounts })
    expect(estimate.mostMs).toBe(12 * hour)
    // 100 GiB × 0.01 + 0.05, 50 GiB × 0.02 + 2 × 0.1, and 150 GiB in STANDARD for three days.
    expect(estimate.cost).toBeCloseTo(1 + 0.05 + 1 + 0.2 + (0.023 * 150 * 3) / 30, 6)
    expect(estimate.pricesOf).toContain('us-east-1')
  })

  test('says which class can not be thawed so fast', () => {
    const amounts = [amount('GLACIER', 1, 1), amount('DEEP_ARCHIVE', 1, 1)]
    expect(estimateThaw(builtInPrices, { ...question, speed: 'expedited', amounts }).impossible).toEqual([
      'DEEP_ARCHIVE',
    ])
  })

  test('of what the table does not know costs nobody knows what', () => {
    const estimate = estimateThaw(builtInPrices, {
      ...question,
      provider: 'mine',
      amounts: [amount('COLD', 1, 1)],
    })
    expect(estimate).toMatchObject({ cost: undefined, mostMs: undefined, impossible: [] })
  })

  test('of another region is told by the prices of one that is known', () => {
    expect(pricesOf(builtInPrices, 's3', 'eu-west-3')?.region).toBe('us-east-1')
  })

  test('keeps what it thaws as long as a restore takes, three times over', () => {
    expect(thawDaysFor(hour)).toBe(3)
    expect(thawDaysFor(48 * hour)).toBe(6)
  })
})

describe("a table of the user's own", () => {
  test('is taken when it has the form', () => {
    expect(parsePrices(JSON.stringify(builtInPrices), 'prices.json')).toEqual(builtInPrices)
  })

  test.each([
    ['no JSON', 'not json'],
    ['a list', '[]'],
    ['a negative price', JSON.stringify(builtInPrices).replace('0.0025', '-1')],
    ['a missing date', JSON.stringify(builtInPrices).replaceAll('asOf', 'when')],
  ])('is refused when it is %s', (_, text) => {
    expect(() => parsePrices(text, 'prices.json')).toThrow('prices.json is not a table of prices')
  })
})
