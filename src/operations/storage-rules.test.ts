import { describe, expect, test } from 'vitest'
import { isFault } from '../base/fault.ts'
import { day } from '../base/units.ts'
import type { Config } from '../config/config.ts'
import { parseConfig } from '../config/load.ts'
import { ruleMatcher } from '../storage/object-rules.ts'
import { lockRulesOf } from './lock/lock-rules.ts'
import { storageRules } from './storage-rules.ts'

const configOf = (repository: string, more = ''): Config =>
  parseConfig(
    `cluster: gathr\npostgres: { connection: "host=/run" }\nrepositories:\n  main: { url: "s3://b/p", encryption: none, ${repository} }\n${more}`,
    'holdfast.yaml',
  )
const rulesOf = (config: Config) => {
  const [repository] = Object.values(config.repositories)
  if (!repository) throw new Error('there is one')
  return ruleMatcher(storageRules(repository, lockRulesOf(config, 'main')))
}

describe('what new objects are given', () => {
  test('is a lock for backups and WAL, as long as the rules are sure to keep them, and for nothing else', () => {
    const rules = rulesOf(
      configOf(
        'lock: { mode: compliance, keep: policy }',
        'retention: { backups: { within: 30d, daily: 90 }, wal: 7d }',
      ),
    )
    expect(rules('gathr/backups/20260301T020000Z-full/data/00001.tar.zst')?.lock).toEqual({
      mode: 'compliance',
      forMs: 30 * day,
    })
    expect(rules('gathr/wal/00000001/00000000/000000010000000000000001.zst')?.lock?.forMs).toBe(7 * day)
    expect(rules('gathr/wal/00000002.history.zst')?.lock?.forMs).toBe(7 * day)
    const request = 'gathr/erasures/requests/20260301T020000Z-erasure-1f00a2c4/request.json'
    expect(rules(request)?.lock).toEqual({ mode: 'compliance', forMs: 30 * day })
    for (const key of [
      'gathr/leases/backup/00000001.json',
      'gathr/catalog/00000001.json',
      'gathr/locks/00000001.json',
      // Who restores writes these, and may not lock: the next run of `lock` does.
      'gathr/erasures/applied/20260301T020000Z-1f00a2c4.json',
      'gathr/probes/x',
      'gathr/backups/20260301T020000Z-full/awaiting-wal.json',
    ])
      expect(rules(key)?.lock, key).toBeUndefined()
  })

  test.each([
    ['within only', '{ backups: { within: 30d } }', [30, 30]],
    ['no rule that promises a time', '{ backups: { last: 3 } }', [1, 1]],
    ['a window of WAL', '{ backups: { daily: 7 }, wal: 14d }', [1, 14]],
  ])('is locked by %s for so many days', (_, retention, days) => {
    const rules = rulesOf(configOf('lock: { mode: governance, keep: policy }', `retention: ${retention}`))
    const found = ['gathr/backups/x/backup.json', 'gathr/wal/00000001/x'].map(
      key => (rules(key)?.lock?.forMs ?? 0) / day,
    )
    expect(found).toEqual(days)
  })

  test('is locked for a fixed time where one is given, by what the repository itself keeps', () => {
    expect(rulesOf(configOf('lock: { mode: governance, keep: 14d }'))('gathr/wal/x')?.lock?.forMs).toBe(
      14 * day,
    )
    const own = configOf(
      'lock: { mode: governance, keep: policy }, retention: { backups: { within: 60d } }',
      'retention: { backups: { within: 30d } }',
    )
    expect(rulesOf(own)('gathr/backups/x')?.lock?.forMs).toBe(60 * day)
  })

  test('has class and tags besides the lock', () => {
    const rules = rulesOf(
      configOf('lock: { mode: governance, keep: 14d }, classes: { wal: STANDARD_IA }, tags: { team: data }'),
    )
    expect(rules('gathr/wal/x')).toEqual({
      pattern: '*/wal/**',
      storageClass: 'STANDARD_IA',
      tags: { team: 'data' },
      lock: { mode: 'governance', forMs: 14 * day },
    })
    expect(rules('gathr/cluster.json')).toEqual({ pattern: '**', tags: { team: 'data' } })
  })

  test('can not be locked by rules that keep everything: that would be for ever', () => {
    expect(() => rulesOf(configOf('lock: { mode: governance, keep: policy }'))).toThrow(
      expect.toSatisfy(error => isFault(error, 'CONFIG_INVALID')) as Error,
    )
  })
})
