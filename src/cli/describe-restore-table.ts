/** What `restore-table` is going to do, and has done: for people, and as JSON. */
import { formatBytes, formatDuration } from '../base/units.ts'
import { describeTarget } from '../policy/recovery-target.ts'
import type { TablePlan } from '../operations/restore-table/lay-out.ts'
import type { TableReport } from '../operations/restore-table/restore-table.ts'
import { formatLsn } from '../wal/lsn.ts'
import { appliedLines, appliedRecord } from './describe-erasures.ts'
import { counted, listingOf } from './table.ts'

export function tablePlanRecord({ plan, ...sizes }: TablePlan): Readonly<Record<string, unknown>> {
  return {
    backup: plan.backup.id,
    target: describeTarget(plan.target),
    stopLsn: formatLsn(plan.stop.lsn),
    timeline: plan.timeline,
    walSegments: plan.wal.segments.length,
    walBytes: plan.wal.rawBytes,
    ...sizes,
  }
}

export function tablePlanListing(tablePlan: TablePlan, more: Parameters<typeof listingOf>[0]): string {
  const { plan, neededBytes, neededFiles, allBytes, downloadBytes, expectedMs, space } = tablePlan
  return listingOf([
    ['target', describeTarget(plan.target)],
    ['backup', plan.backup.id],
    ['files', `${counted(neededFiles, 'file')}, ${formatBytes(neededBytes)} of ${formatBytes(allBytes)}`],
    ['fetched', `about ${formatBytes(downloadBytes)} of the backup, and the WAL`],
    ['WAL', `${counted(plan.wal.segments.length, 'segment')}, ${formatBytes(plan.wal.rawBytes)}`],
    ...space.map(
      ({ path, needBytes, freeBytes }) =>
        ['room', `${formatBytes(needBytes)} in ${path}, where ${formatBytes(freeBytes)} are free`] as const,
    ),
    ['time', `about ${formatDuration(Math.max(1000, expectedMs))}, and that of loading the rows`],
    ...more,
  ])
}

export function tableRecord({ tables, erasures, ...rest }: TableReport): Readonly<Record<string, unknown>> {
  return {
    ...rest,
    tables: tables.map(table => ({ ...table, replaced: table.replaced ?? null })),
    erasures: erasures.map(appliedRecord),
  }
}

export function tableListing(report: TableReport): string {
  const { tables, erasures, files, bytes, bytesFetched, times, durationMs } = report
  const lines = tables.map(({ from, schema, name, rows, replaced }) => {
    const old =
      replaced === undefined ? '' : `; the old one is ${replaced} now: drop its schema when you are sure`
    return `${from} is back as ${schema}.${name}: ${counted(rows, 'row')}${old}\n`
  })
  const work = `${counted(files, 'file')} with ${formatBytes(bytes)} (${formatBytes(bytesFetched)} fetched) in the scratch cluster (${formatDuration(times.scratchMs)}), then loaded (${formatDuration(times.loadMs)})`
  return `${lines.join('')}${listingOf(appliedLines(erasures))}${work}; together ${formatDuration(durationMs)}\n`
}
