/**
 * What a destination would keep of what the source has, by its own rules: a copy does not bring what the next expiry would
 * take away again.
 */
import { planDrills } from '../../policy/drill-retention.ts'
import { planDumps } from '../../policy/dump-retention.ts'
import { keepsEverything } from '../../policy/keep-rules.ts'
import { planRetention, type RetentionRules } from '../../policy/retention.ts'
import { walNeedsOf } from '../../policy/wal-needs.ts'
import type { DrillSummary } from '../../repository/format/drill-record.ts'
import type { DumpSummary } from '../../repository/format/dump-summary.ts'
import { parseSegmentName } from '../../wal/segment.ts'
import { drillFactsOf } from '../drill-facts.ts'
import { dumpFactsOf } from '../dump-facts.ts'
import { factsOf } from '../wal-archive.ts'
import type { Holdings } from './holdings.ts'
import type { CopyRequest } from './plan.ts'

export type Unwanted = Pick<CopyRequest, 'unwanted' | 'isWalUnwanted'>

export interface Offered extends Pick<Holdings, 'backups'> {
  readonly dumps?: readonly DumpSummary[] | undefined
  readonly drills?: readonly DrillSummary[] | undefined
}

/** Nothing is unwanted where the rules keep everything. */
export function unwantedOf(
  { backups, dumps = [], drills = [] }: Offered,
  rules: RetentionRules,
  nowMs: number,
): Unwanted {
  const unwantedDumps = planDumps(dumps.map(dumpFactsOf), rules, nowMs)
    .filter(({ reasons }) => reasons.length === 0)
    .map(({ dump }) => dump.id)
  const unwantedDrills = planDrills(drills.map(drillFactsOf), rules, nowMs)
    .filter(({ reasons }) => reasons.length === 0)
    .map(({ drill }) => drill.id)
  const others = [...unwantedDumps, ...unwantedDrills]
  const ofBackups = unwantedBackups(backups, rules, nowMs)
  if (others.length === 0) return ofBackups
  return {
    ...ofBackups,
    unwanted: new Map([...(ofBackups.unwanted ?? []), ...others.map(id => [id, notKept] as const)]),
  }
}

const notKept = 'the retention there would not keep it'

function unwantedBackups(backups: Holdings['backups'], rules: RetentionRules, nowMs: number): Unwanted {
  if (keepsEverything(rules) && rules.walMs === undefined) return {}
  const plan = planRetention(backups.map(factsOf), rules, nowMs)
  const dropped = plan.verdicts.filter(({ reasons }) => reasons.length === 0).map(({ backup }) => backup.id)
  const unwanted = new Map(dropped.map(id => [id, notKept]))
  const segmentSizeBytes = backups[0]?.postgres.walSegmentSizeBytes
  if (segmentSizeBytes === undefined) return { unwanted }
  const needs = walNeedsOf({ ...plan, isOriginKnown: () => false, segmentSizeBytes })
  return {
    unwanted,
    // Histories are small, and say where what is kept comes from.
    isWalUnwanted: name => {
      if (!/^[0-9A-F]{24}/.test(name)) return false
      const { timeline, number } = parseSegmentName(name, segmentSizeBytes)
      return needs.reason(timeline, number) === undefined
    },
  }
}
