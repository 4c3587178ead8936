/** The alerts and the outboxes together: what the agent remembers of them, and what a look changes. Decides only. */
import type { Look } from './finding.ts'
import { announce, type Announcement, type Circumstances } from './announce.ts'
import { groupOf } from './notice.ts'
import { observe, type Alerts } from './observe.ts'
import { believableOutbox, emptyOutbox, enqueue, type Outbox } from './outbox.ts'

export interface AlertDesk {
  readonly alerts: Alerts
  /** By the names of sinks. */
  readonly outboxes: ReadonlyMap<string, Outbox>
}

export const emptyDesk: AlertDesk = { alerts: new Map(), outboxes: new Map() }

export function afterLook(
  desk: AlertDesk,
  look: Look,
  now: Omit<Circumstances, 'nowMs'>,
  onTheirWay: ReadonlySet<string>,
): AlertDesk {
  const nowMs = look.atMs
  const observed = observe(desk.alerts, look, now.rules)
  const { alerts, announcements } = announce(observed, { ...now, nowMs })
  // Sinks that the configuration no longer has are owed nothing.
  const outboxes = now.sinks.map(({ name }): readonly [string, Outbox] => {
    const before = believableOutbox(desk.outboxes.get(name) ?? emptyOutbox, nowMs)
    const mine = inGroups(announcements.filter(({ sink }) => sink === name))
    return [name, mine.reduce((outbox, { notice }) => enqueue(outbox, notice, onTheirWay), before)]
  })
  return { alerts, outboxes: new Map(outboxes) }
}

/** At most one is of each alert, so none overtakes another. */
function inGroups(announcements: readonly Announcement[]): readonly Announcement[] {
  const groups = ['news', 'again', 'over'] as const
  return groups.flatMap(group => announcements.filter(({ notice }) => groupOf(notice.kind) === group))
}

export function withOutbox(desk: AlertDesk, sink: string, change: (outbox: Outbox) => Outbox): AlertDesk {
  const outbox = desk.outboxes.get(sink)
  return outbox ? { ...desk, outboxes: new Map([...desk.outboxes, [sink, change(outbox)]]) } : desk
}
