/**
 * Progress as people see it: on a terminal a bar that is drawn again in place, elsewhere a plain line now and then.
 * Drawing happens inside the calls of the operation, at most ten times a second; there is no timer.
 */
import type { Progress } from '../base/progress.ts'
import { formatBytes, formatDuration, second } from '../base/units.ts'
import type { Clock } from '../base/world.ts'
import type { Stream } from './terminal.ts'

export interface ProgressDisplay extends Progress {
  /** Takes the bar away, so that something else can be written. */
  clear(): void
  /** Ends the phase under way and says how it went. */
  end(): void
}

export const hiddenProgress: ProgressDisplay = { phase() {}, advance() {}, note() {}, clear() {}, end() {} }

const redrawMs = 100
const lineEveryMs = 30 * second
const barColumns = 24

interface Phase {
  readonly name: string
  readonly totalBytes: number | undefined
  readonly startedMs: number
  doneBytes: number
  detail: string
  drawnMs: number
}

export function createProgressDisplay(stream: Stream, clock: Pick<Clock, 'monotonicMs'>): ProgressDisplay {
  let phase: Phase | undefined
  let barShown = false

  const clear = (): void => {
    if (barShown) stream.write('\r\x1b[K')
    barShown = false
  }
  const line = (text: string): void => {
    clear()
    stream.write(`${text}\n`)
  }
  const draw = (now: number, current: Phase): void => {
    current.drawnMs = now
    if (!stream.interactive) {
      line(statusOf(current, now))
      return
    }
    stream.write(`\r${barOf(current, now).slice(0, stream.columns() - 1)}\x1b[K`)
    barShown = true
  }
  const end = (): void => {
    // Where nothing was announced, nothing is summed up.
    if (phase?.totalBytes !== undefined && phase.doneBytes > 0) line(summaryOf(phase, clock.monotonicMs()))
    clear()
    phase = undefined
  }

  return {
    phase(name, totalBytes) {
      end()
      const now = clock.monotonicMs()
      phase = { name, totalBytes, startedMs: now, doneBytes: 0, detail: '', drawnMs: now }
      if (stream.interactive) draw(now, phase)
      else line(totalBytes === undefined ? name : `${name} (${formatBytes(totalBytes)})`)
    },
    advance(bytes) {
      if (!phase) return
      phase.doneBytes += bytes
      const now = clock.monotonicMs()
      if (now - phase.drawnMs >= (stream.interactive ? redrawMs : lineEveryMs)) draw(now, phase)
    },
    detail(text) {
      if (phase) phase.detail = text
    },
    note(message) {
      line(message)
      if (phase && stream.interactive) draw(clock.monotonicMs(), phase)
    },
    clear,
    end,
  }
}

/** `copying files  ━━━━━━━━━━━━────────────  52 %  2.1 of 4.1 GiB  341 MiB/s  6.0 s left` */
function barOf(phase: Phase, now: number): string {
  const share = shareOf(phase)
  const filled = Math.round((share ?? 0) * barColumns)
  const bar = share === undefined ? [] : [`${'━'.repeat(filled)}${'─'.repeat(barColumns - filled)}`]
  const detail = phase.detail === '' ? [] : [phase.detail]
  return [phase.name, ...bar, ...figuresOf(phase, now), ...detail].join('  ')
}

function statusOf(phase: Phase, now: number): string {
  const detail = phase.detail === '' ? [] : [phase.detail]
  return `${phase.name}: ${[...figuresOf(phase, now), ...detail].join(', ')}`
}

function figuresOf(phase: Phase, now: number): readonly string[] {
  const { doneBytes, totalBytes } = phase
  const share = shareOf(phase)
  if (doneBytes === 0 && share === undefined) return []
  const amount =
    totalBytes === undefined
      ? formatBytes(doneBytes)
      : `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`
  const percent = share === undefined ? [] : [`${String(Math.floor(share * 100)).padStart(3)} %`]
  return [...percent, amount, ...paceOf(phase, now)]
}

/** Rate and time left, once there is enough to tell. */
function paceOf({ doneBytes, totalBytes, startedMs }: Phase, now: number): readonly string[] {
  const passedMs = now - startedMs
  if (passedMs < second || doneBytes === 0) return []
  const rate = `${formatBytes((doneBytes * second) / passedMs)}/s`
  if (totalBytes === undefined || doneBytes >= totalBytes) return [rate]
  return [rate, `${formatDuration((passedMs * (totalBytes - doneBytes)) / doneBytes)} left`]
}

function summaryOf({ name, doneBytes, startedMs }: Phase, now: number): string {
  const passedMs = Math.max(1, now - startedMs)
  return `${name}: ${formatBytes(doneBytes)} in ${formatDuration(passedMs)} (${formatBytes((doneBytes * second) / passedMs)}/s)`
}

/** What was planned may turn out a little more: files grow while they are read. */
function shareOf({ doneBytes, totalBytes }: Phase): number | undefined {
  return totalBytes === undefined || totalBytes === 0 ? undefined : Math.min(1, doneBytes / totalBytes)
}
