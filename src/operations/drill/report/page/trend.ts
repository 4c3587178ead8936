/** How long the last drills took to return, as a drawing: one bar a drill, the newest at the right. */
import { formatDuration, hour, minute, second } from '../../../../base/units.ts'
import type { DrillReport, DrillSummary } from '../../../../repository/format/drill-record.ts'
import { wayOf } from '../../../../policy/rto/forecast-rto.ts'
import { html, type Markup } from './markup.ts'

/** What is drawn of a drill. */
interface Bar {
  readonly id: string
  readonly startedAt: string
  readonly outcome: DrillSummary['outcome']
  readonly actualMs: number
}

const barsMax = 12
const [width, height, left, top, bottom] = [720, 190, 60, 14, 34]

export function trendPart(report: DrillReport, history: readonly DrillSummary[]): Markup {
  const bars = [...history.filter(past => past.id < report.id && isComparable(past, report)), report]
    .flatMap(barOf)
    .slice(-barsMax)
  if (bars.length < 2) return html``
  const { targetMs } = report.rto
  return html`<section>
    <h2>Trend <span class="tally">time to return, last ${bars.length} drills${restored(report)}</span></h2>
    ${drawing(bars, targetMs)}
  </section>`
}

/** A dump and a base backup have nothing in common but their end. */
function isComparable({ source }: DrillSummary, report: DrillReport): boolean {
  return (
    source.kind !== null && report.source.kind !== null && wayOf(source.kind) === wayOf(report.source.kind)
  )
}

const restored = ({ source }: DrillReport): string =>
  source.kind === null ? '' : ` of a ${wayOf(source.kind)}`

function barOf({
  id,
  startedAt,
  outcome,
  rto,
}: Pick<DrillSummary, 'id' | 'startedAt' | 'outcome' | 'rto'>): Bar[] {
  return rto.actualMs === null ? [] : [{ id, startedAt, outcome, actualMs: rto.actualMs }]
}

function drawing(bars: readonly Bar[], targetMs: number | null): Markup {
  const highestMs = Math.max(1, ...bars.map(({ actualMs }) => actualMs))
  // A target far above would press the bars flat.
  const isTargetDrawn = targetMs !== null && targetMs <= 2.5 * highestMs
  const topMs = isTargetDrawn ? Math.max(highestMs, targetMs) : highestMs
  const stepMs = stepFor(topMs)
  const endMs = Math.ceil(topMs / stepMs) * stepMs
  const yOf = (ms: number): number => top + (height - top - bottom) * (1 - ms / endMs)
  const slot = (width - left) / bars.length
  const ticks = Array.from({ length: Math.round(endMs / stepMs) + 1 }, (_, i) => i * stepMs)
  return html`<svg
      viewBox="0 0 ${width} ${height}"
      role="img"
      aria-label="${bars.map(({ startedAt, actualMs, outcome }) => `${startedAt.slice(0, 10)}: ${formatDuration(actualMs)}, ${outcome}`).join('; ')}"
    >
      ${ticks.map(ms => html`<line class="grid" x1="${left}" x2="${width}" y1="${px(yOf(ms))}" y2="${px(yOf(ms))}" /><text x="${left - 8}" y="${px(yOf(ms) + 4)}" text-anchor="end">${shortDuration(ms)}</text>`)}
      ${bars.map((bar, i) => drawBar(bar, { x: left + slot * (i + 0.5), slot, yOf, isLast: i === bars.length - 1 }))}
      ${isTargetDrawn && html`<line class="target" x1="${left}" x2="${width}" y1="${px(yOf(targetMs))}" y2="${px(yOf(targetMs))}" /><text class="strong" x="${left + 6}" y="${px(yOf(targetMs) - 5)}">target ${formatDuration(targetMs)}</text>`}
    </svg>
    ${targetMs !== null && !isTargetDrawn && html`<p class="small">The target, ${formatDuration(targetMs)}, is far above what is drawn.</p>`}`
}

interface Slot {
  readonly x: number
  readonly slot: number
  readonly yOf: (ms: number) => number
  readonly isLast: boolean
}

function drawBar({ startedAt, outcome, actualMs }: Bar, { x, slot, yOf, isLast }: Slot): Markup {
  const w = Math.min(26, slot * 0.6)
  const y = Math.min(yOf(actualMs), yOf(0) - 2)
  const r = Math.min(4, yOf(0) - y)
  const [from, to, base] = [x - w / 2, x + w / 2, yOf(0)]
  const path = `M${px(from)} ${px(base)}V${px(y + r)}Q${px(from)} ${px(y)} ${px(from + r)} ${px(y)}H${px(to - r)}Q${px(to)} ${px(y)} ${px(to)} ${px(y + r)}V${px(base)}Z`
  return html`<path class="${outcome}${isLast && ' last'}" d="${path}"
      ><title>${startedAt.slice(0, 10)}: ${formatDuration(actualMs)}, ${outcome}</title></path
    >
    ${isLast && html`<text class="strong" x="${px(x)}" y="${px(y - 5)}" text-anchor="middle">${shortDuration(actualMs)}</text>`}
    <text x="${px(x)}" y="${height - 18}" text-anchor="middle">${dayOf(startedAt)}</text>
    ${outcome === 'failed' && html`<text class="failed" x="${px(x)}" y="${height - 4}" text-anchor="middle">✕ failed</text>`}`
}

const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400].map(
  s => s * second,
)

/** The smallest of the round steps with at most four lines; days beyond. */
function stepFor(topMs: number): number {
  return steps.find(step => topMs / step <= 4) ?? Math.ceil(topMs / (4 * 24 * hour)) * 24 * hour
}

/** `0`, `30s`, `5m`, `1h30m`. */
function shortDuration(ms: number): string {
  const [h, m, s] = [
    Math.floor(ms / hour),
    Math.floor((ms % hour) / minute),
    Math.round((ms % minute) / second),
  ]
  if (ms < minute) return ms < second && ms > 0 ? formatDuration(ms) : `${String(s)}s`
  return `${h > 0 ? `${String(h)}h` : ''}${m > 0 ? `${String(m)}m` : ''}${s > 0 && h === 0 ? `${String(s)}s` : ''}`
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
/** `2 Mar` */
const dayOf = (time: string): string =>
  `${String(Number(time.slice(8, 10)))} ${months[Number(time.slice(5, 7)) - 1] ?? ''}`

const px = (n: number): string => n.toFixed(1)
