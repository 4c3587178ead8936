/**
 * What one sink is still to be told, and how it goes. Decides only; the clock is an argument.
 *
 * While a sink is out of reach, what is new of an alert takes the place of what is old: who hears of it late hears that it was
 * opened, as it is by then, and that it is over, and not all that was repeated in between.
 */
import { alertLimits } from '../../base/alert-limits.ts'
import { groupOf, type Notice } from './notice.ts'

export interface Outbox {
  /** Oldest first. */
  readonly notices: readonly Notice[]
  readonly failing: Failing | undefined
  /** Undefined: never yet. */
  readonly deliveredMs: number | undefined
}

export interface Failing {
  readonly sinceMs: number
  readonly attempts: number
  readonly nextMs: number
  readonly message: string
}

export const emptyOutbox: Outbox = { notices: [], failing: undefined, deliveredMs: undefined }

/** `onTheirWay`: ids of what is being delivered just now, which stays as it is. */
export function enqueue(outbox: Outbox, notice: Notice, onTheirWay: ReadonlySet<string>): Outbox {
  const isOlder = (one: Notice): boolean => one.alertId === notice.alertId && !onTheirWay.has(one.id)
  const opening = outbox.notices.find(one => isOlder(one) && one.kind === 'opened')
  const isEnd = notice.kind === 'resolved' || notice.kind === 'withdrawn'
  const kept = outbox.notices.filter(one => !isOlder(one) || one === opening)
  const notices =
    opening && !isEnd
      ? kept.map(one => (one === opening ? { ...notice, kind: 'opened' as const } : one))
      : [...kept, notice]
  return { ...outbox, notices: notices.slice(-alertLimits.alertOutboxMax) }
}

/** What is to be delivered now, as one message. */
export function batchOf({ notices, failing }: Outbox, togetherMax: number, nowMs: number): readonly Notice[] {
  const [first] = notices
  if (!first || (failing && failing.nextMs > nowMs)) return []
  // Only those that follow one another: what is told first of an alert arrives first.
  const other = notices.findIndex(({ kind }) => groupOf(kind) !== groupOf(first.kind))
  return notices.slice(0, Math.min(togetherMax, other === -1 ? Infinity : other))
}

/** When to look again, as far as time alone decides. */
export function wakeMsOf({ notices, failing }: Outbox): number {
  return notices.length === 0 ? Infinity : (failing?.nextMs ?? 0)
}

export function delivered(outbox: Outbox, batch: readonly Notice[], nowMs: number): Outbox {
  const done = new Set(batch.map(({ id }) => id))
  return {
    notices: outbox.notices.filter(({ id }) => !done.has(id)),
    failing: undefined,
    deliveredMs: nowMs,
  }
}

/** The pause doubles each time. */
export function failed(outbox: Outbox, message: string, nowMs: number): Outbox {
  const { sinceMs, attempts } = outbox.failing ?? { sinceMs: nowMs, attempts: 0 }
  const pauseMs = Math.min(alertLimits.sinkPauseMsMax, alertLimits.sinkPauseMsFirst * 2 ** attempts)
  return {
    ...outbox,
    failing: { sinceMs, attempts: attempts + 1, nextMs: nowMs + pauseMs, message },
  }
}

/** The clock may have been put back: nobody waits longer than the longest pause. */
export function believableOutbox(outbox: Outbox, nowMs: number): Outbox {
  const { failing } = outbox
  if (!failing || failing.nextMs <= nowMs + alertLimits.sinkPauseMsMax) return outbox
  return { ...outbox, failing: { ...failing, sinceMs: Math.min(failing.sinceMs, nowMs), nextMs: nowMs } }
}
