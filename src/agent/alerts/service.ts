/** Watches: looks at everything again and again, keeps the alerts, and has the sinks told. The shell around policy/alerts. */
import { Fault, messageOf } from '../../base/fault.ts'
import type { Log } from '../../base/log.ts'
import { limits } from '../../base/limits.ts'
import type { Clock } from '../../base/world.ts'
import type { AgentAlerts } from '../../control/agent-alerts.ts'
import { agentFindings, ownCodes, underCodesOf, type AgentFacts } from '../../policy/alerts/agent-findings.ts'
import { seenLevel } from '../../policy/alerts/alert.ts'
import { afterLook, withOutbox, type AlertDesk } from '../../policy/alerts/desk.ts'
import type { Finding } from '../../policy/alerts/finding.ts'
import type { Ping } from '../../sinks/sink.ts'
import type { OpenSinks } from '../../sinks/open.ts'
import { iso } from '../status.ts'
import { carryTo } from './courier.ts'
import { deskText, writeDesk } from './desk-file.ts'
import type { LoadedSetup } from '../setup.ts'
import { isBlindTo, type StatusSeen } from './look.ts'
import type { AlertsSetup } from './setup.ts'
import { alertStatuses } from './status.ts'

export interface AlertsDeps {
  readonly clock: Clock
  readonly log: Log
  readonly folder: string
  readonly setup: () => Pick<LoadedSetup, 'alerts' | 'sinks'>
  readonly look: (signal: AbortSignal) => Promise<StatusSeen>
  /** What the agent knows of itself. */
  readonly facts: () => Pick<AgentFacts, 'jobs' | 'memories' | 'refused'>
}

export interface Acknowledgement {
  readonly alert: string
  readonly forMs: number
  readonly reason?: string | undefined
}

export interface PingState {
  readonly atMs: number
  readonly fault: string | undefined
}

/** How things stand, for `agent status`. */
export interface AlertsFacts {
  readonly desk: AlertDesk
  readonly lookedMs: number | undefined
  readonly lookFault: string | undefined
  readonly pings: ReadonlyMap<string, PingState>
}

export class AlertsService implements AlertsFacts {
  desk: AlertDesk
  lookedMs: number | undefined
  lookFault: string | undefined
  /** By their names. */
  readonly pings = new Map<string, PingState>()
  private readonly onTheirWay = new Set<string>()
  private news = new AbortController()
  private saving: Promise<void> = Promise.resolve()
  private savedText: string | undefined
  /** The last thing that was to be remembered could not be written down. */
  private isUnwritten = false
  private readonly deps: AlertsDeps

  constructor(deps: AlertsDeps, before: AlertDesk) {
    this.deps = deps
    this.desk = before
  }

  /** Until the signal, which also tells that the configuration has changed. */
  async keep(signal: AbortSignal): Promise<void> {
    const { clock, setup } = this.deps
    const { alerts, sinks } = setup()
    if (alerts) await this.work(alerts, sinks, signal)
    else await clock.sleep(limits.timerMsMax, signal).catch(() => undefined)
  }

  /** Undefined when the configuration has none. */
  statuses(): AgentAlerts | undefined {
    const { alerts, sinks } = this.deps.setup()
    return alerts && alertStatuses(this, alerts.rules, sinks)
  }

  private async work(setup: AlertsSetup, { sinks, pings }: OpenSinks, signal: AbortSignal): Promise<void> {
    const couriers = sinks.map(sink =>
      carryTo(
        sink,
        {
          ...this.deps,
          outboxOf: name => this.desk.outboxes.get(name),
          settle: (name, change) => this.change(withOutbox(this.desk, name, change)),
          remembered: () => this.save(),
          onTheirWay: this.onTheirWay,
          news: () => this.news.signal,
        },
        signal,
      ),
    )
    await Promise.all([this.watch(setup, pings, signal), ...couriers])
    await this.saving
  }

  /** By its id, or as much of the beginning as tells it from the others. */
  async acknowledge({ alert: given, forMs, reason }: Acknowledgement): Promise<void> {
    const open = [...this.desk.alerts].filter(([, { level }]) => level > 0)
    const meant = open.filter(([, { id }]) => given !== '' && id.startsWith(given))
    const [[key, alert] = []] = meant
    if (key === undefined || !alert || meant.length > 1) {
      const ids = open.map(([, { id }]) => id)
      const what =
        meant.length > 1 ? `several open alerts begin with "${given}"` : `no open alert is "${given}"`
      const hint = ids.length === 0 ? 'Nothing is open.' : `Give one of: ${ids.join(', ')}.`
      throw new Fault('AGENT_REFUSED', what, { hint })
    }
    const untilMs = this.deps.clock.now() + forMs
    this.deps.log.info('alert.acknowledged', { alert: alert.id, until: iso(untilMs), reason })
    const alerts = new Map([...this.desk.alerts, [key, { ...alert, ack: { untilMs, reason } }]])
    await this.change({ ...this.desk, alerts })
  }

  async change(desk: AlertDesk): Promise<void> {
    this.desk = desk
    await this.save()
  }

  private async watch(setup: AlertsSetup, pings: readonly Ping[], signal: AbortSignal): Promise<void> {
    const { clock } = this.deps
    while (!signal.aborted) {
      const beganMs = clock.monotonicMs()
      await this.look(setup, signal)
      // Only who has just looked, and remembers it, may say that all is well.
      const isKnown = !isOver(signal) && !this.isUnwritten
      if (isKnown) await Promise.all(pings.map(ping => this.ping(ping, signal)))
      const leftMs = Math.max(0, beganMs + setup.everyMs - clock.monotonicMs())
      await clock.sleep(leftMs, signal).catch(() => undefined)
    }
  }

  private async look(setup: AlertsSetup, signal: AbortSignal): Promise<void> {
    const { clock, log, look, facts } = this.deps
    let seen: StatusSeen | undefined
    try {
      seen = await look(signal)
      this.lookFault = undefined
    } catch (error) {
      if (signal.aborted) return
      this.lookFault = messageOf(error)
      log.warn('status.unknown', { error: this.lookFault })
    }
    const atMs = clock.now()
    this.lookedMs = atMs
    const own = agentFindings({ ...facts(), lookFault: this.lookFault, outboxes: this.desk.outboxes }, atMs)
    const blind = (finding: Finding): boolean => !ownCodes.has(finding.code) && isBlindTo(seen, finding)
    const before = this.desk
    const told = seen?.findings ?? []
    const findings = [...told, ...underCodesOf(told, own)]
    this.desk = afterLook(before, { atMs, findings, isBlindTo: blind }, setup, this.onTheirWay)
    this.tell(before)
    await this.save()
    const { news } = this
    this.news = new AbortController()
    news.abort()
  }

  /** The log has what is announced, whoever else hears of it. */
  private tell(before: AlertDesk): void {
    for (const [key, { id, level, finding }] of this.desk.alerts) {
      const was = before.alerts.get(key)?.level ?? 0
      if (level === was) continue
      const fields = { alert: id, code: finding.code, repository: finding.repository ?? undefined }
      const more = { subject: finding.subject ?? undefined, message: finding.message }
      if (level === 0) this.deps.log.info('alert.resolved', { ...fields, ...more })
      else
        this.deps.log.warn(was === 0 ? 'alert.opened' : 'alert.changed', {
          ...fields,
          ...more,
          state: level === 2 ? 'critical' : 'warning',
        })
    }
  }

  private async ping(ping: Ping, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.deps
    const last = this.pings.get(ping.name)
    const nowMs = clock.now()
    const isDue =
      !last || last.fault !== undefined || Math.abs(nowMs - last.atMs) >= ping.everyMs - pingSlackMs
    const isWell = [...this.desk.alerts.values()].every(alert => alert.level < 2 && seenLevel(alert) < 2)
    if (!isDue || (ping.onlyWhenWell && !isWell)) return
    try {
      await ping.ping(signal)
      this.pings.set(ping.name, { atMs: nowMs, fault: undefined })
      if (last?.fault !== undefined) log.info('ping.again', { ping: ping.name })
    } catch (error) {
      if (signal.aborted) return
      this.pings.set(ping.name, { atMs: nowMs, fault: messageOf(error) })
      if (last?.fault === undefined) log.warn('ping.failed', { ping: ping.name, error: messageOf(error) })
    }
  }

  /** One after the other; what can not be written down is told, and work goes on. */
  private save(): Promise<void> {
    const { folder, log } = this.deps
    this.saving = this.saving.then(async () => {
      const text = deskText(this.desk)
      if (text === this.savedText) return
      try {
        await writeDesk(folder, text)
        this.savedText = text
        this.isUnwritten = false
      } catch (error) {
        this.isUnwritten = true
        log.warn('state.unwritten', { folder, error: messageOf(error) })
      }
    })
    return this.saving
  }
}

/** Asked anew: it changes while something is awaited. */
const isOver = (signal: AbortSignal): boolean => signal.aborted

/** Looks do not come to the millisecond. */
const pingSlackMs = 1000
