/** Restores of dumps in words, and as records for programs. */
import { shellWord } from '../base/shell-word.ts'
import { formatBytes, formatDuration } from '../base/units.ts'
import type { RestoreDumpDeps, RestoreDumpPlan } from '../operations/restore-dump/lay-out.ts'
import type { RestoreDumpReport } from '../operations/restore-dump/restore-dump.ts'
import { describeTrouble, listed } from '../operations/sources/trouble.ts'
import type { ThawPlan } from '../operations/thaw/thaw.ts'
import { encodingOf, textOf, type TocEntry } from '../postgres/dump-archive/archive.ts'
import { quoteIdentifier } from '../postgres/grants.ts'
import { thawLines, thawRecord } from './describe-thaw.ts'
import type { LaidOutDump } from './restore-dump-setup.ts'
import { counted, listingOf } from './table.ts'

type Lines = readonly (readonly [label: string, value: string | undefined])[]

export function planListing(deps: RestoreDumpDeps, plan: RestoreDumpPlan): string {
  const { request, record, database, where, globals, program, expected, leftOut } = plan
  const rows = expected.reduce((sum, one) => sum + one.rows, 0)
  return listingOf([
    ...dumpLines(deps, record, database),
    ['into', `database "${request.name}" at ${where}${replaceText(plan)}`],
    [
      'data',
      `${counted(expected.length, 'table')}, ${counted(rows, 'row')}, ${formatBytes(plan.bytes)}, by ${counted(request.jobs, 'job')}`,
    ],
    ['pg_restore', `${program.path}, ${program.version}`],
    ...globalsLines(globals),
    ...leftOutLines(plan, leftOut),
    ...[
      request.owner ? '' : 'no owners',
      request.privileges ? '' : 'no privileges',
      request.tablespaces ? '' : 'no tablespaces',
    ]
      .filter(text => text !== '')
      .map(text => ['without', text] as const),
  ])
}

function dumpLines(
  { copies }: Pick<RestoreDumpDeps, 'copies'>,
  { id, postgres }: RestoreDumpPlan['record'],
  { name, snapshotAt }: RestoreDumpPlan['database'],
): Lines {
  return [
    ['dump', `${id} of PostgreSQL ${postgres.version}, database "${name}" as of ${snapshotAt}`],
    ['from', listed(copies.map(({ source }) => source.name))],
  ]
}

/** Of what must be thawed before it can be planned: as far as `dump.json` tells. */
export function coldListing({ deps, request, database }: LaidOutDump, thaw: ThawPlan): string {
  const [copy] = deps.copies
  return listingOf([
    ...(copy ? dumpLines(deps, copy.record, database) : []),
    ['into', `database "${request.name}"`],
    [
      'data',
      `at most ${counted(database.tables, 'table')}, ${counted(database.rows, 'row')}, ${formatBytes(database.rawBytes)}`,
    ],
    ...thawLines(thaw),
    ['note', 'What exactly is restored is told by what has to be thawed first: it is planned then.'],
  ])
}

/** `isProvisional`: the plan is made when it was thawed. */
export function coldRecord(
  { deps, request, database }: LaidOutDump,
  thaw: ThawPlan,
): Readonly<Record<string, unknown>> {
  return {
    dump: deps.copies[0]?.record.id,
    from: database.name,
    database: request.name,
    repositories: deps.copies.map(({ source }) => source.name),
    jobs: request.jobs,
    bytes: database.rawBytes,
    rows: database.rows,
    thaw: thawRecord(thaw),
    isProvisional: true,
  }
}

function replaceText({ oldName, request }: RestoreDumpPlan): string {
  if (oldName === undefined) return ''
  return request.keepOld
    ? `, in the place of the one that is there, which is kept as "${oldName}"`
    : ', in the place of the one that is there, which is dropped when all went well'
}

function globalsLines(globals: RestoreDumpPlan['globals']): Lines {
  if (!globals) return []
  const { created, existing, tablespacesMissing } = globals
  return [
    ['roles', created.length > 0 ? `${listed(created)} will be made` : 'none to be made'],
    ['', existing.length > 0 ? `${listed(existing)}: there already, left as they are` : undefined],
    [
      'tablespaces',
      tablespacesMissing.length > 0 ? `${listed(tablespacesMissing)}: not there, and not made` : undefined,
    ],
  ]
}

const leftOutTold = 10

function leftOutLines({ archive }: RestoreDumpPlan, leftOut: readonly TocEntry[]): Lines {
  const encoding = encodingOf(archive.entries)
  const names = leftOut.map(({ kind, tag }) => `${(kind ?? '').toLowerCase()} ${textOf(tag ?? '', encoding)}`)
  const more = names.length > leftOutTold ? [`${String(names.length - leftOutTold)} more`] : []
  return names.length === 0
    ? []
    : [['left out', `for what they need is not chosen: ${listed([...names.slice(0, leftOutTold), ...more])}`]]
}

/** Without `tables`: there may be tens of thousands of them. */
export function planRecord(
  deps: RestoreDumpDeps,
  plan: RestoreDumpPlan,
  thawed: ThawPlan | undefined,
): Readonly<Record<string, unknown>> {
  const { request, record, database, archive, expected, leftOut, program } = plan
  const encoding = encodingOf(archive.entries)
  return {
    dump: record.id,
    from: database.name,
    database: request.name,
    where: plan.where,
    repositories: deps.copies.map(({ source }) => source.name),
    replaces: plan.oldName !== undefined,
    keptAs: request.keepOld ? (plan.oldName ?? null) : null,
    jobs: request.jobs,
    pgRestore: { path: program.path, version: program.version },
    bytes: plan.bytes,
    rows: expected.reduce((sum, { rows }) => sum + rows, 0),
    leftOut: leftOut.map(({ kind, schema, tag }) => ({
      kind,
      schema: textOf(schema ?? '', encoding),
      name: textOf(tag ?? '', encoding),
    })),
    roles: plan.globals && { toMake: plan.globals.created, existing: plan.globals.existing },
    thaw: thawRecord(thawed),
    isProvisional: false,
  }
}

export function plannedTables(plan: RestoreDumpPlan): readonly Readonly<Record<string, unknown>>[] {
  const encoding = encodingOf(plan.archive.entries)
  const places = new Map(plan.contents.data.map(one => [one.dumpId, one]))
  return plan.part.withData
    .filter(({ kind }) => kind === 'TABLE DATA')
    .map(({ dumpId, schema, tag }) => ({
      schema: textOf(schema ?? '', encoding),
      table: textOf(tag ?? '', encoding),
      rows: places.get(dumpId)?.rows ?? 0,
      bytes: places.get(dumpId)?.lengthBytes ?? 0,
    }))
}

export function reportListing(report: RestoreDumpReport): string {
  const { times, replaced, passedOver, globals } = report
  const rate = formatBytes((report.bytes * 1000) / Math.max(1, times.dataMs))
  return listingOf([
    ['restored', `database ${quoteIdentifier(report.database)} at ${report.where} from ${report.dump}`],
    [
      'data',
      `${counted(report.tables, 'table')}, ${counted(report.rows, 'row')}, ${counted(report.largeObjects, 'large object')}, ${formatBytes(report.bytes)} (${rate}/s)`,
    ],
    ['checked', `every table has as many rows as were dumped`],
    [
      'time',
      `${formatDuration(report.durationMs)}: ${formatDuration(times.preDataMs)} definitions, ${formatDuration(times.dataMs)} rows, ${formatDuration(times.postDataMs)} indexes and constraints, ${formatDuration(times.countMs)} counting`,
    ],
    ['roles', globals && (globals.created.length > 0 ? `made ${listed(globals.created)}` : 'all were there')],
    ['replaced', replaced && replacedText(replaced)],
    ...passedOver.map(trouble => ['passed over', describeTrouble(trouble)] as const),
    [
      'next',
      `the planner has no statistics yet: vacuumdb --analyze-in-stages -d ${shellWord(report.database)}`,
    ],
  ])
}

function replacedText({ sessionsEnded, keptAs }: NonNullable<RestoreDumpReport['replaced']>): string {
  const fate =
    keptAs === undefined ? 'the old database was dropped' : `the old database is kept as "${keptAs}"`
  return `${fate}; ${counted(sessionsEnded, 'session')} in it ended`
}
