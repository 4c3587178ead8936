/** What `wal find` has found: for people, and as JSON. */
import { formatBytes } from '../base/units.ts'
import { noSuchName, type LiveNames } from '../operations/wal-find/live-names.ts'
import { isLoss, type FindReport, type Finding } from '../operations/wal-find/report.ts'
import type { NamePattern } from '../postgres/dump-archive/name-pattern.ts'
import type { CommittedTransaction, HistoryEvent } from '../postgres/table-history/events.ts'
import { formatLsn } from '../wal/lsn.ts'
import { formatMicros, isoMicros } from '../wal/time.ts'
import { counted, tableOf } from './table.ts'

/** What was asked for, as it was written. */
export interface AskedName {
  readonly kind: 'table' | 'schema'
  readonly text: string
  readonly pattern: NamePattern
}

export function findRecord(
  report: FindReport,
  asked: readonly AskedName[],
  live: LiveNames,
): Readonly<Record<string, unknown>> {
  return {
    findings: report.findings.map(finding => ({
      ...eventRecord(finding),
      ...placeRecord(finding),
      isLoss: isLoss(finding),
      before: ['--to-lsn', formatLsn(finding.beforeLsn), '--exclusive'],
    })),
    transactions: report.transactions.map(transaction => ({
      ...placeRecord(transaction),
      records: transaction.records,
      isReplicated: transaction.isReplicated,
      changesCatalogue: transaction.changesCatalogue,
      events: transaction.events.map(eventRecord),
    })),
    transactionsFound: report.transactionsFound,
    spans: report.spans.map(span => ({
      ...span,
      fromLsn: formatLsn(span.fromLsn),
      toLsn: formatLsn(span.toLsn),
      lastCommit: span.lastCommit === undefined ? null : isoMicros(span.lastCommit),
      trouble: span.trouble ?? null,
    })),
    passedOver: report.passedOver,
    databases: report.databases,
    unknown: soughtOf(asked, live).map(({ kind, text, near, isLive }) => ({ [kind]: text, near, isLive })),
  }
}

/** NAME_NOT_FOUND for the first that is nowhere. */
export function assertFound(asked: readonly AskedName[], live: LiveNames): void {
  const lost = soughtOf(asked, live).find(({ isLive }) => !isLive)
  if (lost) throw noSuchName(`${lost.kind} ${lost.text}`, lost.near, live.trouble)
}

function soughtOf(
  asked: readonly AskedName[],
  { names }: LiveNames,
): readonly (AskedName & LiveNames['names'][number])[] {
  return asked.flatMap(one => {
    const sought = names.find(({ pattern }) => pattern === one.pattern)
    return sought ? [{ ...one, ...sought }] : []
  })
}

function eventRecord(event: HistoryEvent): Readonly<Record<string, unknown>> {
  const database = { database: event.database.name ?? null, databaseOid: event.database.oid }
  if (!('schema' in event)) return { kind: event.kind, ...database }
  if (!('oid' in event)) {
    const { kind, schema, renamedTo = null } = event
    return { kind, ...database, schema, renamedTo }
  }
  const { kind, schema, name, became = null, oid, relationKind, rows = null } = event
  return { kind, ...database, schema, table: name, became, oid, relationKind, rows }
}

function placeRecord({
  xid,
  time,
  beforeLsn,
  commitLsn,
  walBytes,
}: Pick<Finding, 'xid' | 'time' | 'beforeLsn' | 'commitLsn' | 'walBytes'>): Readonly<
  Record<string, unknown>
> {
  return {
    xid,
    time: isoMicros(time),
    beforeLsn: formatLsn(beforeLsn),
    commitLsn: formatLsn(commitLsn),
    walBytes,
  }
}

export function findListing(report: FindReport, asked: readonly AskedName[], live: LiveNames): string {
  const lines = asked.length > 0 ? nameLines(report, asked, live) : transactionLines(report)
  return [...lines, ...searchedLines(report)].join('')
}

function nameLines(report: FindReport, asked: readonly AskedName[], live: LiveNames): readonly string[] {
  const sought = soughtOf(asked, live)
  const known = asked.filter(({ pattern }) => !sought.some(one => one.pattern === pattern))
  return [
    ...(known.length > 0 ? findingLines(report, known) : []),
    ...sought.map(({ kind, text, isLive }) =>
      isLive
        ? `the ${kind} ${text} is in the live server, and was made after the WAL that was read\n`
        : `there is no ${kind} ${text}\n`,
    ),
  ]
}

function findingLines({ findings }: FindReport, known: readonly AskedName[]): readonly string[] {
  if (findings.length === 0)
    return [`nothing happened to ${known.map(({ text }) => text).join(', ')} in the WAL that was read\n`]
  const listing = tableOf(findings, [
    { head: 'time', of: ({ time }) => formatMicros(time) },
    { head: 'what', of: whatOf },
    { head: 'transaction', of: ({ xid }) => String(xid), align: 'right' },
    { head: 'commit', of: ({ commitLsn }) => formatLsn(commitLsn) },
  ])
  const last = findings.findLast(isLoss)
  if (!last) return [listing]
  return [
    listing,
    `\nthe state just before ${whatOf(last)}: --to-lsn ${formatLsn(last.beforeLsn)} --exclusive\n`,
  ]
}

function whatOf(event: Finding | HistoryEvent): string {
  const database = event.database.name ?? `database ${String(event.database.oid)}`
  if (!('schema' in event)) return `${event.kind}: ${database}`
  if (!('oid' in event)) {
    const { kind, schema, renamedTo } = event
    return `${kind}: ${schema}${renamedTo === undefined ? '' : ` to ${renamedTo}`} (${database})`
  }
  const { kind, schema, name, became, rows } = event
  const what = kind === 'deleted' ? `${counted(rows ?? 0, 'row')} deleted of` : kind
  const renamed = became === undefined ? '' : ` to ${became.schema}.${became.name}`
  return `${what} ${schema}.${name}${renamed} (${database})`
}

const transactionsShownMax = 200

function transactionLines({ transactions, transactionsFound }: FindReport): readonly string[] {
  // DDL is what people look for; of the rest the large ones.
  const ddl = transactions.filter(({ changesCatalogue, events }) => changesCatalogue || events.length > 0)
  const bySize = transactions.toSorted((a, b) => b.walBytes - a.walBytes)
  const shown = new Set([...ddl, ...bySize].slice(0, transactionsShownMax))
  const rows = transactions.filter(transaction => shown.has(transaction))
  const listing = tableOf(rows, [
    { head: 'time', of: ({ time }) => formatMicros(time) },
    { head: 'transaction', of: ({ xid }) => String(xid), align: 'right' },
    { head: 'commit', of: ({ commitLsn }) => formatLsn(commitLsn) },
    { head: 'WAL', of: ({ walBytes }) => formatBytes(walBytes), align: 'right' },
    { head: 'what', of: summaryOf },
  ])
  const more = transactionsFound - rows.length
  return [
    transactionsFound === 0 ? 'nothing was committed then\n' : listing,
    ...(more > 0 ? [`and ${counted(more, 'smaller transaction')} (--json lists up to 10,000)\n`] : []),
  ]
}

function summaryOf({ events, changesCatalogue }: CommittedTransaction): string {
  if (events.length === 0) return changesCatalogue ? 'DDL' : ''
  const [first, second, third, ...more] = events
  const told = [first, second, third].flatMap(event => (event ? [whatOf(event)] : []))
  return [...told, ...(more.length > 0 ? [`${String(more.length)} more`] : [])].join('; ')
}

function searchedLines({ spans, passedOver }: FindReport): readonly string[] {
  const [first] = spans
  const last = spans.at(-1)
  if (!first || !last) return []
  const commits = spans.reduce((sum, span) => sum + span.commits, 0)
  const until = last.lastCommit === undefined ? '' : `, the last commit at ${formatMicros(last.lastCommit)}`
  return [
    `\nread from ${formatLsn(first.fromLsn)} to ${formatLsn(last.toLsn)}, with the catalogues of ${spans.map(({ backup }) => backup).join(', ')}: ${counted(commits, 'commit')}${until}\n`,
    ...spans.flatMap(({ trouble }) => (trouble === undefined ? [] : [`not further: ${trouble}\n`])),
    ...passedOver.map(({ id, why }) => `not from ${id}: it ${why}\n`),
  ]
}
