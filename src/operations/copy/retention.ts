/**
 * What a destination would keep of what the source has, by its own rules: a copy does not bring what the next expiry would
 * take away again.
 */
import { keepsEverything, planRetention, type RetentionRules } from '../../policy/retention.ts'
import { factsOf } from '../wal-archive.ts'
import { namesOfBackup } from './backup-wal.ts'
import type { Holdings } from './holdings.ts'
import type { CopyRequest } from './plan.ts'

export type Unwanted = Pick<CopyRequest, 'unwanted' | 'isWalUnwanted'>

/** Nothing is unwanted where the rules keep everything. */
export function unwantedOf(
  { backups }: Pick<Holdings, 'backups'>,
  rules: RetentionRules,
  nowMs: number,
): Unwanted {
  if (keepsEverything(rules) && rules.walMs === undefined) return {}
  const { verdicts, walFrom, consistentOnly } = planRetention(backups.map(factsOf), rules, nowMs)
  const dropped = verdicts.filter(({ reasons }) => reasons.length === 0).map(({ backup }) => backup.id)
  const unwanted = new Map(dropped.map(id => [id, 'the retention there would not keep it']))
  const from = backups.find(({ id }) => id === walFrom?.id)
  if (!from) return { unwanted }
  const early = backups.filter(({ id }) => consistentOnly.some(backup => backup.id === id))
  const needed = new Set(early.flatMap(backup => namesOfBackup(backup, backup.postgres.walSegmentSizeBytes)))
  return {
    unwanted,
    // Histories are small, and say where what is kept comes from.
    isWalUnwanted: name =>
      /^[0-9A-F]{24}/.test(name) && name.slice(0, 24) < from.startWal && !needed.has(name.slice(0, 24)),
  }
}
