/** Snapshots of managed servers in words, for people. */
import { formatBytes, formatDuration } from '../base/units.ts'
import type { ManagedPresence, Whereabouts } from '../operations/managed/presence.ts'
import type { ManagedRecord } from '../repository/format/managed-json.ts'
import { timeOf } from './describe-backup.ts'
import { listingOf, tableOf } from './table.ts'

/** What `list` shows below the backups. */
export function managedTable(records: readonly ManagedRecord[]): string {
  return tableOf(records, [
    { head: 'ID', of: ({ id }) => id },
    { head: 'KIND', of: ({ kind }) => kind },
    { head: 'ENDED', of: ({ endedAt }) => endedAt.replace(/\.\d+Z$/, 'Z') },
    { head: 'TOOK', of: ({ durationMs }) => formatDuration(durationMs), align: 'right' },
    { head: 'SERVER', of: ({ provider, instance }) => `${provider} ${instance}` },
    { head: 'VERSION', of: ({ engineVersion }) => engineVersion },
    { head: 'COPY', of: ({ copy }) => copy?.region ?? '' },
    { head: 'LABEL', of: ({ label }) => label },
  ])
}

/** `presence`: as the vendor says now. */
export function managedListing({
  record,
  presence,
  repositories = [],
}: {
  readonly record: ManagedRecord
  readonly presence?: ManagedPresence | undefined
  readonly repositories?: readonly string[]
}): string {
  const { copy } = record
  return listingOf([
    ['snapshot', record.id],
    ['label', record.label],
    ['server', `${record.provider} ${record.instance}, ${record.engine} ${record.engineVersion}`],
    ['ended', `${timeOf(record.endedAt)}, after ${formatDuration(record.durationMs)}`],
    ['disk', record.sizeBytes === null ? undefined : formatBytes(record.sizeBytes)],
    ['reference', presence ? stateText(presence.snapshot) : record.reference],
    [
      'copy',
      copy === null
        ? undefined
        : `in ${copy.region}: ${presence?.copy ? stateText(presence.copy) : `${copy.reference}, begun`}`,
    ],
    ...Object.entries(record.details).map(([name, value]) => ['made like', `${name}: ${value}`] as const),
    ...repositories.map(name => ['repository', name] as const),
    [
      'restore',
      `holdfast restore --backup ${record.id} --as-instance NAME (as a new server; WAL is not replayed)`,
    ],
    ['made by', record.tool],
  ])
}

function stateText({ reference, state, percent, message }: Whereabouts): string {
  const word = {
    ready: 'there',
    pending: `being made${percent === undefined ? '' : `, ${String(percent)} %`}`,
    failed: 'FAILED',
    gone: 'GONE: it was removed outside of Holdfast',
    unknown: `not known: ${message}`,
  }[state]
  return `${reference} (${word})`
}
