/**
 * The report of a drill as one page: nothing is loaded from anywhere, no script runs, and it can be read on a screen of any
 * width, by night, on paper, or attached to an audit.
 */
import { formatDuration, formatTime } from '../../../../base/units.ts'
import type { DrillReport, DrillSummary } from '../../../../repository/format/drill-record.ts'
import { fingerprintOf } from '../signature.ts'
import { checklistPart } from './checklist.ts'
import { factsPart } from './facts.ts'
import { html, type Markup, type Part } from './markup.ts'
import { objectivesPart } from './objectives.ts'
import { phasesPart } from './phases.ts'
import { rowCountsPart } from './row-counts.ts'
import { styles } from './styles.ts'
import { trendPart } from './trend.ts'

export interface PageContent {
  readonly report: DrillReport
  /** Drills before this one, oldest first. */
  readonly history: readonly DrillSummary[]
  /** Of the host that signs the page; see DrillSignature. */
  readonly key: string
}

export function drillPage({ report, history, key }: PageContent): string {
  const { id, cluster, outcome } = report
  const title = `Restore drill of ${cluster}: ${outcome}`
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <meta name="generator" content="${report.tool}" />
        <meta name="holdfast-drill" content="${id} ${outcome}" />
        <title>${title}</title>
        <style>
          ${styles}
        </style>
      </head>
      <body>
        <main>
          ${headPart(report)} ${report.fault !== null && faultPart(report.fault)} ${objectivesPart(report)}
          ${checklistPart(report.checklist)} ${phasesPart(report)} ${trendPart(report, history)}
          ${factsPart(report)} ${rowCountsPart(report.rowCounts)}
          ${report.notes.length > 0 && notesPart(report.notes)} ${signaturePart(report, key)}
        </main>
      </body>
    </html> `.text
}

function headPart(report: DrillReport): Markup {
  const { cluster, outcome, startedAt, host, id } = report
  return html`<header>
    <p class="eyebrow">Restore drill</p>
    <h1>
      ${cluster} <span class="badge ${outcome}">${outcome === 'passed' ? '✓ Passed' : '✕ Failed'}</span>
    </h1>
    <p class="lead">${sentenceOf(report)}</p>
    <p class="meta">
      <time datetime="${startedAt}">${timeOf(startedAt)}</time> · host ${host} · <code>${id}</code>
    </p>
  </header>`
}

/** What happened, in words. */
function sentenceOf({ source, reached, rto, checklist, fault }: DrillReport): Part {
  const asked = checklist.filter(({ state }) => state !== 'not-asked')
  const failed = asked.filter(({ state }) => state === 'failed')
  const answers =
    asked.length === 0
      ? 'No question was asked.'
      : failed.length === 0
        ? `All ${String(asked.length)} questions asked were answered as they should be.`
        : `${String(failed.length)} of ${String(asked.length)} questions asked failed.`
  if (source.backup === null) return `No backup could be restored from ${source.repository}.`
  const to = reached?.time ? html` and recovered to <strong>${timeOf(reached.time)}</strong>` : ''
  const took = rto.actualMs === null ? '' : html` in <strong>${formatDuration(rto.actualMs)}</strong>`
  const verb = fault === null ? 'was restored' : 'was to be restored'
  return html`Backup <code>${source.backup}</code> ${verb} from ${source.repository}${to}${took}.
    ${fault === null && answers}`
}

function faultPart({ code, message, hint }: NonNullable<DrillReport['fault']>): Markup {
  return html`<section class="fault">
    <h2>The drill was cut off</h2>
    <p><code>${code}</code> ${message}</p>
    <p class="hint">${hint}</p>
  </section>`
}

function notesPart(notes: readonly string[]): Markup {
  return html`<section>
    <h2>Notes</h2>
    <ul class="notes">
      ${notes.map(note => html`<li>${note}</li>`)}
    </ul>
  </section>`
}

function signaturePart({ id, host }: DrillReport, key: string): Markup {
  return html`<footer>
    <p>
      Signed by ${host} with the key <code>${fingerprintOf(key)}</code>. The signature is in the last line of
      this file; <code>holdfast drill verify FILE</code> checks it, and
      <code>holdfast drill verify ${id}</code> checks what the repository has.
    </p>
  </footer>`
}

const timeOf = (time: string): string => formatTime(Date.parse(time)).replace(/\.\d+/, '')
