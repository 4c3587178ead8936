/** Compares how many rows came back with what is known from elsewhere. Decides only. */
import { formatCount } from '../../../base/units.ts'
import type { DrillRowCount } from '../../../repository/format/drill-record.ts'
import { failed, ok, type Answer } from '../checklist.ts'

type Rows = Pick<DrillRowCount, 'database' | 'table' | 'rows'>

/** By estimates: fewer rows than this more or less are no difference. */
const estimateNoiseRows = 100

/** `share`: of the larger of both. */
export function judgeAgainstLive(counts: readonly Rows[], live: readonly Rows[], share: number): Answer {
  const known = new Map(live.map(one => [keyOf(one), one.rows]))
  const compared = counts.filter(one => known.has(keyOf(one)))
  const apart = compared.flatMap(one => {
    const there = known.get(keyOf(one)) ?? 0
    const difference = Math.abs(there - one.rows)
    const isFar = difference > estimateNoiseRows && difference > share * Math.max(there, one.rows)
    return isFar ? [`${nameOf(one)}: ${told(one.rows)} came back, the live server says ${told(there)}`] : []
  })
  const evidence = `${tablesTold(compared.length)}, by the statistics of the live server, within ${percent(share)}`
  if (apart.length === 0) return ok(evidence)
  return failed(`${told(apart.length)} tables are further apart than ${percent(share)}`, [...apart, evidence])
}

/** `isWhole`: every table was counted, so one that is not among them is gone. */
export function judgeAgainstLast(
  counts: readonly Rows[],
  last: readonly DrillRowCount[],
  { share, isWhole, lastId }: { readonly share: number; readonly isWhole: boolean; readonly lastId: string },
): Answer {
  const now = new Map(counts.map(one => [keyOf(one), one.rows]))
  const databases = new Set(counts.map(({ database }) => database))
  const fallen = last.flatMap(before => {
    const rows = now.get(keyOf(before))
    if (rows === undefined)
      return isWhole && databases.has(before.database) && before.rows > 0
        ? [`${nameOf(before)}: is gone, it had ${told(before.rows)}`]
        : []
    return rows < before.rows * (1 - share)
      ? [`${nameOf(before)}: ${told(rows)}, it had ${told(before.rows)}`]
      : []
  })
  const compared = last.filter(before => now.has(keyOf(before))).length
  const evidence = `${tablesTold(compared)}, against ${lastId}, ${percent(share)} fewer allowed`
  if (fallen.length === 0) return ok(evidence)
  return failed(`${told(fallen.length)} tables have lost rows`, [...fallen, evidence])
}

const keyOf = ({ database, table }: Rows): string => JSON.stringify([database, table])
const nameOf = ({ database, table }: Rows): string => `${database}: ${table}`
/** `1 table`, `20 tables`. */
export const tablesTold = (count: number): string => `${told(count)} ${count === 1 ? 'table' : 'tables'}`

const told = (rows: number): string => formatCount(rows)
const percent = (share: number): string => `${String(Math.round(share * 1000) / 10)}%`
