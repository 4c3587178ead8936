/** Where the time went: one bar, and the figures under it. */
import { formatBytes, formatDuration, second } from '../../../../base/units.ts'
import type { DrillPhase, DrillPhaseName, DrillReport } from '../../../../repository/format/drill-record.ts'
import { html, type Markup } from './markup.ts'

const titles: Readonly<Record<DrillPhaseName, string>> = {
  provisioning: 'Provisioning',
  restore: 'Download and decompression',
  replay: 'Replay of WAL',
  erasures: 'Erasures',
  checks: 'Checks',
  removal: 'Removal',
}

export function phasesPart({ phases, durationMs }: DrillReport): Markup {
  if (phases.length === 0) return html``
  const totalMs = Math.max(
    1,
    phases.reduce((sum, phase) => sum + phase.durationMs, 0),
  )
  return html`<section>
    <h2>Phases <span class="tally">${formatDuration(durationMs)}</span></h2>
    <div
      class="phases"
      role="img"
      aria-label="${phases.map(({ name, durationMs: ms }) => `${titles[name]} ${formatDuration(ms)}`).join(', ')}"
    >
      ${phases.map(
        phase =>
          html`<div
            class="${phase.name}"
            style="flex-grow:${Math.max(0.004, phase.durationMs / totalMs).toFixed(4)}"
            title="${titles[phase.name]}: ${formatDuration(phase.durationMs)}"
          ></div>`,
      )}
    </div>
    <table>
      <thead>
        <tr>
          <th>Phase</th>
          <th class="number">Time</th>
          <th class="number">Share</th>
          <th class="number">Went through</th>
          <th class="number">Rate</th>
        </tr>
      </thead>
      <tbody>
        ${phases.map(phase => row(phase, totalMs))}
      </tbody>
    </table>
  </section>`
}

function row({ name, durationMs, bytes }: DrillPhase, totalMs: number): Markup {
  const rate = bytes !== null && durationMs > 0 ? (bytes * second) / durationMs : undefined
  return html` <tr>
    <td><span class="swatch ${name}"></span>${titles[name]}</td>
    <td class="number">${formatDuration(durationMs)}</td>
    <td class="number">${percent(durationMs / totalMs)}</td>
    <td class="number">${bytes !== null && formatBytes(bytes)}</td>
    <td class="number">${rate !== undefined && `${formatBytes(Math.round(rate))}/s`}</td>
  </tr>`
}

const percent = (share: number): string =>
  share > 0 && share < 0.01 ? '< 1 %' : `${String(Math.round(100 * share))} %`
