/** What was measured against what was promised: two figures, each with a bar that is full at the target. */
import { formatDuration } from '../../../../base/units.ts'
import type { DrillObjective, DrillReport } from '../../../../repository/format/drill-record.ts'
import { html, type Markup } from './markup.ts'

export function objectivesPart({ rto, rpo }: DrillReport): Markup {
  return html`<section class="objectives" aria-label="Objectives">
    ${objective('Time to return', 'RTO', rto, 'not measured: the drill did not get so far')}
    ${objective('Data lost', 'RPO', rpo, 'not measured by this drill')}
  </section>`
}

function objective(
  title: string,
  short: string,
  { actualMs, targetMs }: DrillObjective,
  unmeasured: string,
): Markup {
  const isOver = actualMs !== null && targetMs !== null && actualMs > targetMs
  return html`<div class="card">
    <p class="label">${title} <abbr>${short}</abbr></p>
    <p class="figure">
      ${actualMs === null ? '–' : formatDuration(actualMs)}${isOver && html` <span class="badge failed">✕ over target</span>`}
    </p>
    ${actualMs !== null && targetMs !== null && gauge(actualMs, targetMs, isOver)}
    <p class="small">${actualMs === null ? unmeasured : targetText(actualMs, targetMs)}</p>
  </div>`
}

function targetText(actualMs: number, targetMs: number | null): string {
  if (targetMs === null) return 'no target is set'
  if (targetMs === 0) return 'target: none may be lost'
  const share = (100 * actualMs) / targetMs
  return `${share < 1 ? 'less than 1' : String(Math.round(share))} % of the target of ${formatDuration(targetMs)}`
}

function gauge(actualMs: number, targetMs: number, isOver: boolean): Markup {
  const width = Math.max(1, Math.min(100, (100 * actualMs) / Math.max(targetMs, 1)))
  return html`<div class="gauge">
    <div class="${isOver ? 'over' : 'within'}" style="width:${width.toFixed(1)}%"></div>
  </div>`
}
