/** What `restore-table` is going to do, and has done: for people, and as JSON. */
import { formatBytes, formatDuration } from '../base/units.ts'
import { describeTarget } from '../policy/recovery-target.ts'
import type { Destination } from '../operations/restore-table/live-tables.ts'
import type { TablePlan, TableRequest } from '../operations/restore-table/lay-out.ts'
import type { TableReport } from '../operations/restore-table/restore-table.ts'
import { describeScope, type Scope } from '../operations/restore-table/scope.ts'
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

/** `request`: what is brought, and where to. */
export function tablePlanListing(
  tablePlan: TablePlan,
  { scope, destination, database }: Pick<TableRequest, 'scope' | 'destination' | 'database'>,
  more: Parameters<typeof listingOf>[0],
): string {
  const { plan, neededBytes, neededFiles, allBytes, downloadBytes, expectedMs, space } = tablePlan
  return listingOf([
    ['brings', `${describeScope(scope)}${scope.kind === 'database' ? '' : ` of database ${database}`}`],
    ['to', placeText(scope, destination)],
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

function placeText({ kind }: Scope, destination: Destination): string {
  switch (destination.kind) {
    case 'into':
      return `the schema ${destination.schema} of the live server`
    case 'as':
      return `${destination.name}, beside the original`
    case 'own':
      return 'where it was: the name is free'
    case 'replace':
      return kind === 'tables'
        ? `where it was; what is there is moved into the schema ${destination.oldSchema}`
        : `where it was; what is there is called ${destination.oldSchema} then`
  }
}

export function tableRecord({
  tables,
  wholes,
  erasures,
  ...rest
}: TableReport): Readonly<Record<string, unknown>> {
  const orNull = (one: { readonly replaced: string | undefined }): unknown => {
    return { ...one, replaced: one.replaced ?? null }
  }
  return {
    ...rest,
    tables: tables.map(orNull),
    wholes: wholes.map(orNull),
    erasures: erasures.map(appliedRecord),
  }
}

export function tableListing(report: TableReport): string {
  const { wholes, erasures, files, bytes, bytesFetched, times, durationMs } = report
  const lines = wholes.length > 0 ? wholeLines(report) : tableLines(report)
  const work = `${counted(files, 'file')} with ${formatBytes(bytes)} (${formatBytes(bytesFetched)} fetched) in the scratch cluster (${formatDuration(times.scratchMs)}), then loaded (${formatDuration(times.loadMs)})`
  return `${lines.join('')}${listingOf(appliedLines(erasures))}${work}; together ${formatDuration(durationMs)}\n`
}

function tableLines({ tables }: TableReport): readonly string[] {
  return tables.map(({ from, schema, name, rows, replaced }) => {
    const old =
      replaced === undefined ? '' : `; the old one is ${replaced} now: drop its schema when you are sure`
    return `${from} is back as ${schema}.${name}: ${counted(rows, 'row')}${old}\n`
  })
}

function wholeLines({ wholes, tables, objects = {} }: TableReport): readonly string[] {
  const rows = tables.reduce((sum, table) => sum + table.rows, 0)
  const { TABLE: _, ...others } = objects
  const kinds = Object.entries(others)
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([kind, count]) => counted(count, kind.toLowerCase(), pluralOf(kind.toLowerCase())))
  const content = [`${counted(tables.length, 'table')} with ${counted(rows, 'row')}`, ...kinds].join(', ')
  return [
    ...wholes.map(({ kind, from, name, replaced }) => {
      const as = name === from ? '' : ` as ${name}`
      const old = replaced === undefined ? '' : `; the old one is ${replaced} now: drop it when you are sure`
      return `${kind} ${from} is back${as}${old}\n`
    }),
    `${content}\n`,
  ]
}

/** `policy` is the only kind of object that needs it. */
const pluralOf = (kind: string): string => (kind.endsWith('y') ? `${kind.slice(0, -1)}ies` : `${kind}s`)
