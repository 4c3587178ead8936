/** What was restored from where, to which point, and with which versions. */
import { formatBytes, formatTime } from '../../../../base/units.ts'
import type { DrillReport } from '../../../../repository/format/drill-record.ts'
import { html, type Markup, type Part } from './markup.ts'

export function factsPart(report: DrillReport): Markup {
  const { source, target, reached, sizes, versions, seed, workers, tool, systemIdentifier } = report
  const ratio = sizes.storedBytes > 0 ? ` (${(sizes.rawBytes / sizes.storedBytes).toFixed(1)} to 1)` : ''
  return html`<section class="columns">
    <div>
      <h2>What was restored</h2>
      ${list([
        ['Repository', html`${source.repository} <span class="small break">${source.location}</span>`],
        ['Backup', source.backup ?? 'none'],
        ['Kind', source.kind ?? '–'],
        ['Taken', source.takenAt === null ? undefined : timeOf(source.takenAt)],
        [
          'Asked for',
          [
            target.asked,
            target.time !== null && ` (${timeOf(target.time)})`,
            target.lsn !== null && ` (${target.lsn})`,
          ],
        ],
        ['Reached', reached === null ? undefined : reachedText(reached)],
        [
          'Size',
          sizes.rawBytes > 0 &&
            `${formatBytes(sizes.rawBytes)}, from ${formatBytes(sizes.storedBytes)} stored${ratio}`,
        ],
        ['WAL replayed', sizes.walBytes > 0 && formatBytes(sizes.walBytes)],
      ])}
    </div>
    <div>
      <h2>Where and with what</h2>
      ${list([
        ['Host', report.host],
        ['System', versions.system],
        ['PostgreSQL', versions.postgres === '' ? 'was not started' : versions.postgres],
        ['Holdfast', `${tool.replace(/^holdfast /, '')}, Node ${versions.node}`],
        ['Threads', String(workers)],
        ['Cluster', html`${report.cluster} <span class="small">system identifier ${systemIdentifier}</span>`],
        ['Seed', html`<code>${seed}</code>`],
      ])}
    </div>
  </section>`
}

function list(entries: readonly (readonly [string, Part])[]): Markup {
  const told = entries.filter(([, value]) => value !== undefined && value !== false)
  return html`<dl>
    ${told.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`
}

function reachedText({ time, lsn, timeline }: NonNullable<DrillReport['reached']>): string {
  const parts = [
    time === null ? undefined : timeOf(time),
    lsn === null ? undefined : `LSN ${lsn}`,
    timeline === null ? undefined : `timeline ${String(timeline)}`,
  ]
  return parts.filter(part => part !== undefined).join(', ')
}

const timeOf = (time: string): string => formatTime(Date.parse(time))
