import { describe, expect, test } from 'vitest'
import { day, KiB } from '../../base/units.ts'
import { bytesPerGb, costOfKind, type StoredKind } from './monthly-cost.ts'
import { builtInPrices, parsePrices, pricesOf, type RegionPrices } from './prices.ts'
import { costOfRepository } from './repository-cost.ts'

/** Figures with which one can reckon by hand. */
const prices: RegionPrices = {
  provider: 's3',
  region: 'here',
  source: 'a test',
  asOf: '2026-01-01',
  storagePerGbMonth: { STANDARD: 0.02, STANDARD_IA: 0.01, GLACIER: 0.004 },
  retrieval: [{ class: 'GLACIER', speed: 'standard', perGb: 0.03, perThousandRequests: 0.1 }],
  readPerGb: { STANDARD_IA: 0.01 },
  requests: {
    default: { putPerThousand: 0.005, getPerThousand: 0.001 },
    STANDARD_IA: { putPerThousand: 0.01, getPerThousand: 0.002 },
  },
  least: { STANDARD_IA: { days: 30, bytes: 128 * KiB }, GLACIER: { days: 90, bytes: 0 } },
  egressPerGb: { internet: 0.09 },
}

/** Seven days of WAL: 70 GB in segments of 10 MB, 300 GB a month. */
const wal: StoredKind = {
  kind: 'wal',
  sizes: [{ upToBytes: 2 ** 24, objects: 7000, bytes: 70 * bytesPerGb }],
  written: { objects: 30_000, bytes: 300 * bytesPerGb, requests: 60_000 },
  keptMs: 7 * day,
  restored: { bytes: 10 * bytesPerGb, requests: 2000 },
}
/** 100 GB, kept for a year. */
const backups: StoredKind = {
  kind: 'backups',
  sizes: [{ upToBytes: 2 ** 30, objects: 100, bytes: 100 * bytesPerGb }],
  written: { objects: 100, bytes: 100 * bytesPerGb, requests: 10_000 },
  keptMs: 365 * day,
  restored: { bytes: 50 * bytesPerGb, requests: 5000 },
}

describe('what a month costs', () => {
  test('in a class without conditions: storage and requests', () => {
    // 70 × 0.02 and 60 × 0.005; of a restore 2 × 0.001.
    const cost = costOfKind(wal, 'STANDARD', prices)
    expect(cost.storage).toBeCloseTo(1.4)
    expect(cost.requests).toBeCloseTo(0.3)
    expect(cost).toMatchObject({ earlyDeletion: 0, smallObjects: 0, objects: 7000 })
    expect(cost.total).toBeCloseTo(1.7)
    expect(cost.restore).toBeCloseTo(0.002)
  })

  test('in one with a least time: what is deleted before it is paid for as if it stayed', () => {
    // 70 × 0.01 of storage, 60 × 0.01 of requests, and 300 GB × 23 of 30 days × 0.01.
    const cost = costOfKind(wal, 'STANDARD_IA', prices)
    expect(cost.storage).toBeCloseTo(0.7)
    expect(cost.earlyDeletion).toBeCloseTo(2.3)
    expect(cost.total).toBeCloseTo(3.6)
    // 10 × 0.01 and 2 × 0.002
    expect(cost.restore).toBeCloseTo(0.104)
  })

  test('in one with a least size: small objects are paid for as that, also when they are deleted early', () => {
    // 8192 objects of 32 KiB are 0.25 GB, and count as 1 GB; half of that is new each month and stays for 15 days.
    const small: StoredKind = {
      kind: 'dumps',
      sizes: [{ upToBytes: 32 * KiB, objects: 8192, bytes: 0.25 * bytesPerGb }],
      written: { objects: 4096, bytes: 0.125 * bytesPerGb, requests: 4096 },
      keptMs: 15 * day,
      restored: { bytes: 0, requests: 0 },
    }
    const cost = costOfKind(small, 'STANDARD_IA', prices)
    expect(cost.storage).toBeCloseTo(0.01)
    expect(cost.smallObjects).toBeCloseTo(0.0075)
    expect(cost.earlyDeletion).toBeCloseTo(0.5 * 0.5 * 0.01)
  })

  test('of what must be thawed: a restore pays for the thaw', () => {
    // 50 × 0.03 and 5 × (0.001 + 0.1)
    expect(costOfKind(backups, 'GLACIER', prices).restore).toBeCloseTo(2.005)
  })

  test('has no figure for a class without a price', () => {
    expect(costOfKind(wal, 'OUTPOSTS', prices)).toMatchObject({ total: undefined, restore: undefined })
  })
})

describe('what a repository costs', () => {
  const question = { prices, drills: 0, egress: 'internet', kinds: [backups, wal] } as const

  test('sees that WAL of seven days costs more in the class that looks cheaper', () => {
    const { findings } = costOfRepository({ ...question, classOf: () => 'STANDARD_IA' })
    expect(findings).toEqual([
      'WAL costs more in STANDARD_IA (3.60) than in STANDARD (1.70): it is kept for 7d 00h and 30 days are paid for.',
    ])
    expect(
      costOfRepository({ ...question, classOf: kind => (kind === 'wal' ? 'STANDARD' : 'STANDARD_IA') })
        .findings,
    ).toEqual([])
  })

  test('counts drills, and sees when they make a class too expensive', () => {
    // Backups: 1.00 + 0.10 in STANDARD_IA, 2.00 + 0.05 in STANDARD. A restore: 0.51, or 0.005; and 60 GB × 0.09 of egress.
    const cost = costOfRepository({
      ...question,
      drills: 4,
      classOf: kind => (kind === 'wal' ? 'STANDARD' : 'STANDARD_IA'),
    })
    expect(cost.keeping).toBeCloseTo(1.1 + 1.7)
    expect(cost.restore?.retrieval).toBeCloseTo(0.51 + 0.002)
    expect(cost.restore?.egress).toBeCloseTo(5.4)
    expect(cost.drills.cost).toBeCloseTo(4 * (0.512 + 5.4))
    expect(cost.total).toBeCloseTo(2.8 + 4 * 5.912)
    expect(cost.findings).toEqual([
      'Base backups cost more in STANDARD_IA (3.14) than in STANDARD (2.07): each drill pays for reading it.',
    ])
    expect(costOfRepository({ ...question, egress: 'none', classOf: () => 'STANDARD' }).restore?.egress).toBe(
      0,
    )
  })

  test('never advises a class that has to be thawed', () => {
    const { findings } = costOfRepository({ ...question, classOf: () => 'STANDARD' })
    expect(findings.join()).not.toContain('GLACIER')
    expect(findings).toEqual([
      expect.stringMatching(/^Base backups cost more in STANDARD \(2\.05\) than in STANDARD_IA \(1\.10\)/),
    ])
  })

  test('says which class has no price, and has no sum then', () => {
    const cost = costOfRepository({ ...question, classOf: () => 'OUTPOSTS' })
    expect(cost).toMatchObject({ keeping: undefined, total: undefined, restore: undefined })
    expect(cost.findings[0]).toBe('The prices know no class OUTPOSTS, in which base backups lie.')
  })

  test('of a folder nothing is known but its sizes', () => {
    const cost = costOfRepository({ ...question, prices: undefined, classOf: () => 'STANDARD' })
    expect(cost).toMatchObject({
      total: undefined,
      findings: [],
      kinds: [{ kind: 'backups', objects: 100 }, {}],
    })
  })
})

describe('the table of prices', () => {
  test('has each class of a least time with a price, and says where it is from', () => {
    for (const region of builtInPrices.regions) {
      for (const storageClass of Object.keys(region.least ?? {}))
        expect(region.storagePerGbMonth[storageClass], `${region.region} ${storageClass}`).toBeGreaterThan(0)
      expect(region.source).toMatch(/^https:/)
    }
    expect(builtInPrices.regions.map(({ provider }) => provider)).toEqual(
      expect.arrayContaining(['s3', 'azure', 'gcs']),
    )
  })

  test('sees with list prices, too, that WAL of seven days does not belong into infrequent access', () => {
    const us = pricesOf(builtInPrices, 's3', 'us-east-1')
    const { findings } = costOfRepository({
      prices: us,
      drills: 0,
      egress: 'none',
      kinds: [wal],
      classOf: () => 'STANDARD_IA',
    })
    expect(findings[0]).toMatch(/^WAL costs more in STANDARD_IA \(4\.35\) than in STANDARD \(1\.91\)/)
  })

  test('a file of the user may leave out what is newer than the thaw, and is refused when a figure is none', () => {
    const plain = {
      ...prices,
      readPerGb: undefined,
      requests: undefined,
      least: undefined,
      egressPerGb: undefined,
    }
    const text = (region: object): string => JSON.stringify({ currency: 'EUR', regions: [region], times: [] })
    expect(parsePrices(text(plain), 'mine.json').currency).toBe('EUR')
    for (const wrong of [
      { least: { GLACIER: { days: -1, bytes: 0 } } },
      { requests: { default: {} } },
      { readPerGb: { X: 'free' } },
    ])
      expect(() => parsePrices(text({ ...prices, ...wrong }), 'mine.json')).toThrow(/not a table of prices/)
  })
})
