/**
 * The agent: one process that starts each job of the configuration when it is due, keeps copies up to date, and can be
 * spoken to. What it decides is in policy/jobs; what it knows is in its state file, so that it can be killed at any moment.
 */
import { dirname, join } from 'node:path'
import { Fault, messageOf } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import { nearest } from '../base/nearest.ts'
import { formatDuration } from '../base/units.ts'
import { version } from '../base/version.ts'
import type { World } from '../base/world.ts'
import { readSecret } from '../config/secret-source.ts'
import { limitsFileVariable } from '../control/limits-file.ts'
import type { AgentStatus } from '../control/agent-status.ts'
import type { Request } from '../control/messages.ts'
import type { AlertDesk } from '../policy/alerts/desk.ts'
import type { SlowDownRule } from '../policy/slow-down.ts'
import { planJobs, type JobPlan } from '../policy/jobs/plan-jobs.ts'
import { readDesk } from './alerts/desk-file.ts'
import { lookBy } from './alerts/look.ts'
import { AlertsService, type AlertsDeps } from './alerts/service.ts'
import { askSelf } from './ask-self.ts'
import { listenAt } from './control-server.ts'
import { endLeftCopying, isOver, keepCopying } from './copies-service.ts'
import { keepSendingTrail } from './trail-service.ts'
import { createJobRunner, type JobRunner } from './job-runner.ts'
import { mannersOf } from './manners.ts'
import { notifyBy, type Notify } from './notify.ts'
import { createMetricsService, type MetricsDeps, type MetricsService } from './metrics/service.ts'
import { claimFolder } from './only-one.ts'
import { RateDesk } from './rate-desk.ts'
import { keepSlowing, type StrainProbe } from './slow-down.ts'
import type { AgentPlaces, LoadedSetup } from './setup.ts'
import { makeStateFolder, readState, type AgentState } from './state-file.ts'
import { iso, jobStatuses, told } from './status.ts'

export interface AgentDeps extends AgentPlaces {
  readonly world: World
  readonly log: Log
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The absolute path to start Holdfast by. */
  readonly launcher: string
  readonly configPath: string
  /** What is loaded already. */
  readonly setup: LoadedSetup
  /** Reads the configuration again; throws when it is not valid. */
  readonly load: () => Promise<LoadedSetup>
  /** Looks at how hard the server has it. */
  readonly probe: StrainProbe
  /** Calls back for each SIGHUP. */
  readonly onHangUp: (listener: () => void) => void
}

/** Jobs that read or send much. */
const movingKinds: ReadonlySet<string> = new Set(['backup', 'dump', 'copy', 'archive', 'verify', 'drill'])

/** Until the signal, or until it is told to stop. */
export async function runAgent(deps: AgentDeps, signal: AbortSignal): Promise<void> {
  const { log, folder, socketPath } = deps
  await makeStateFolder(folder)
  await using _claim = await claimFolder(folder)
  const notify = notifyBy(deps.environment, log)
  const before = { ...(await readState(folder, log)), desk: await readDesk(folder, log) }
  const agent = new Agent(deps, notify, before)
  const end = AbortSignal.any([signal, agent.stopping.signal])
  await agent.begin()
  {
    await using _ear = await listenAt(socketPath, asked => agent.answer(asked))
    deps.onHangUp(() => {
      void agent.reload().catch(() => undefined)
    })
    log.info('agent.started', {
      pid: process.pid,
      version,
      configuration: deps.configPath,
      socket: socketPath,
    })
    await notify.tell('READY=1')
    const aside = Promise.all([
      agent.keepCopies(end),
      agent.keepServices(end),
      agent.sendTrail(end),
      agent.slowDown(end),
      agent.feedWatchdog(end),
    ])
    await agent.work(end)
    log.info('agent.stopping', {})
    await notify.tell('STOPPING=1')
    await Promise.all([aside, agent.end()])
  }
  log.info('agent.stopped', {})
}

class Agent {
  readonly stopping = new AbortController()
  private setup: LoadedSetup
  private loadedMs: number
  private refused: string | undefined
  /** What is due before this was missed, if it is late. */
  private sinceMs: number
  private turnedMs: number
  /** Ends the nap of the loop. */
  private nap = new AbortController()
  /** Ends what goes on beside the jobs by the configuration, when that has changed. */
  private serving = new AbortController()
  private readonly startedMs: number
  private readonly runner: JobRunner
  private readonly metrics: MetricsService
  private readonly alerts: AlertsService
  private readonly rates: RateDesk
  private readonly childEnvironment: Readonly<Record<string, string | undefined>>

  private readonly deps: AgentDeps
  private readonly notify: Notify

  constructor(deps: AgentDeps, notify: Notify, before: AgentState & { readonly desk: AlertDesk }) {
    const { clock } = deps.world
    this.deps = deps
    this.notify = notify
    this.setup = deps.setup
    this.startedMs = this.loadedMs = this.sinceMs = clock.now()
    this.turnedMs = clock.monotonicMs()
    // What is said to systemd is the agent's to say.
    const {
      NOTIFY_SOCKET: _socket,
      WATCHDOG_USEC: _usec,
      WATCHDOG_PID: _pid,
      ...environment
    } = deps.environment
    const { folder, log } = deps
    this.rates = new RateDesk({ clock, log, folder, stated: () => this.setup.limits })
    this.childEnvironment = { ...environment, [limitsFileVariable]: this.rates.path }
    this.runner = createJobRunner({ ...this.childDeps(), changed: () => this.nap.abort() }, before)
    this.metrics = createMetricsService(this.metricsDeps())
    this.alerts = new AlertsService(this.alertsDeps(), before.desk)
  }

  private alertsDeps(): AlertsDeps {
    const { clock, log, folder, lineOf } = this.childDeps()
    return {
      ...{ clock, log, folder },
      setup: () => this.setup,
      look: async signal => lookBy(askSelf(await lineOf(['status']), this.childEnvironment, signal), signal),
      facts: () => ({
        jobs: this.setup.jobs.map(({ job }) => job),
        memories: this.runner.memories,
        refused: this.refused,
      }),
    }
  }

  private metricsDeps(): MetricsDeps {
    const { world, log, environment, configPath } = this.deps
    return {
      ...{ clock: world.clock, log },
      setup: () => this.setup.metrics,
      ask: async (command, signal) =>
        askSelf(await this.childDeps().lineOf(command), this.childEnvironment, signal),
      readToken: (source, signal) =>
        readSecret(source, 'metrics.token', { environment, folder: dirname(configPath) }, signal),
      status: () => this.status(),
      trouble: () => this.trouble(),
    }
  }

  private childDeps() {
    const { world, log, folder, launcher, configPath } = this.deps
    return {
      clock: world.clock,
      log,
      folder,
      environment: this.childEnvironment,
      lineOf: async (command: readonly string[]): Promise<readonly string[]> => [
        ...(await mannersOf(this.setup, this.childEnvironment)),
        launcher,
        '--config',
        configPath,
        ...command,
        '--json',
      ],
    }
  }

  async begin(): Promise<void> {
    await this.rates.begin()
    await this.runner.adopt(this.setup.jobs)
    await this.runner.know(this.setup.jobs)
    await endLeftCopying(this.childDeps())
  }

  /** Plans, starts, and sleeps until time or an event changes something. */
  async work(end: AbortSignal): Promise<void> {
    const { clock } = this.deps.world
    while (!end.aborted) {
      this.nap = new AbortController()
      this.turnedMs = clock.monotonicMs()
      const plan = this.plan()
      for (const start of plan.starts) {
        const job = this.setup.jobs.find(one => one.job.name === start.name)
        if (job && !isOver(end)) await this.runner.start(job, start)
      }
      const beforeMs = clock.now()
      const napMs = Math.max(0, Math.min(plan.wakeMs - beforeMs, limits.agentNapMsMax))
      await clock.sleep(napMs, AbortSignal.any([end, this.nap.signal])).catch(() => undefined)
      const lateMs = clock.now() - beforeMs - napMs
      if (Math.abs(lateMs) < limits.agentLateMsMax) continue
      // The machine slept, or its clock was set.
      this.deps.log.warn('clock.jumped', { byMs: lateMs })
      this.sinceMs = clock.now()
    }
  }

  async keepCopies(end: AbortSignal): Promise<void> {
    const { clock } = this.deps.world
    while (!end.aborted) {
      const signal = AbortSignal.any([end, this.serving.signal])
      if (this.setup.copies) await keepCopying(this.childDeps(), signal)
      else await clock.sleep(limits.timerMsMax, signal).catch(() => undefined)
    }
  }

  /** What answers, and what tells; begun anew when the configuration has changed. */
  async keepServices(end: AbortSignal): Promise<void> {
    while (!end.aborted) {
      const signal = AbortSignal.any([end, this.serving.signal])
      await Promise.all([this.metrics.keep(signal), this.alerts.keep(signal)])
    }
  }

  sendTrail(end: AbortSignal): Promise<void> {
    const folder = (): string => this.setup.auditDirectory ?? join(this.deps.folder, 'audit')
    return keepSendingTrail(this.childDeps(), folder, end)
  }

  slowDown(end: AbortSignal): Promise<void> {
    const { world, log, probe } = this.deps
    const isMoving = (): boolean => [...this.runner.busyKinds().keys()].some(kind => movingKinds.has(kind))
    const rule = (): SlowDownRule | undefined => this.setup.slowDown
    return keepSlowing({ clock: world.clock, log, probe, desk: this.rates, rule, isMoving }, end)
  }

  /** Only while the loop turns: an agent that hangs is to be started again. */
  async feedWatchdog(end: AbortSignal): Promise<void> {
    const { clock } = this.deps.world
    const { watchdogMs } = this.notify
    while (watchdogMs !== undefined && !end.aborted) {
      if (this.trouble() === undefined) await this.notify.tell('WATCHDOG=1')
      await clock.sleep(watchdogMs, end).catch(() => undefined)
    }
  }

  /** What is wrong with the agent itself: a loop that no longer turns. */
  private trouble(): string | undefined {
    const stillMs = this.deps.world.clock.monotonicMs() - this.turnedMs
    return stillMs < 2 * limits.agentNapMsMax
      ? undefined
      : `no job was looked at for ${formatDuration(stillMs)}`
  }

  async end(): Promise<void> {
    await this.runner.stopAll(this.setup.stopLimitMs)
  }

  private plan(more: { asked?: ReadonlySet<string>; parallel?: number } = {}): JobPlan {
    return planJobs(
      this.setup.jobs.map(({ job }) => job),
      this.runner.memories,
      {
        nowMs: this.deps.world.clock.now(),
        sinceMs: this.sinceMs,
        parallel: this.setup.parallel,
        busyKinds: this.runner.busyKinds(),
        ...more,
      },
    )
  }

  async answer(asked: Request): Promise<unknown> {
    switch (asked.do) {
      case 'status':
        return this.status()
      case 'run':
        return this.runNow(asked.job, asked.wait)
      case 'ack':
        await this.alerts.acknowledge(asked)
        return this.status()
      case 'limit':
        await this.rates.change(asked)
        return this.status()
      case 'reload':
        await this.reload()
        return this.status()
      case 'stop':
        this.stopping.abort()
        return { stopping: true }
    }
  }

  /** A file that is not valid changes nothing. */
  async reload(): Promise<void> {
    const { log, load, world, configPath } = this.deps
    await this.notify.tell('RELOADING=1')
    try {
      this.setup = await load()
      this.refused = undefined
      this.loadedMs = world.clock.now()
      await this.rates.reloaded()
      await this.runner.know(this.setup.jobs)
      log.info('config.loaded', { configuration: configPath, jobs: this.setup.jobs.length })
      this.serving.abort()
      this.serving = new AbortController()
      this.nap.abort()
    } catch (error) {
      this.refused = messageOf(error)
      log.warn('config.refused', { configuration: configPath, error: this.refused })
      throw error
    } finally {
      await this.notify.tell('READY=1')
    }
  }

  private async runNow(name: string, wait: boolean): Promise<unknown> {
    const job = this.setup.jobs.find(one => one.job.name === name)
    const names = this.setup.jobs.map(one => one.job.name)
    if (!job) {
      const near = nearest(name, names)
      const hint = near === undefined ? `Give one of: ${names.join(', ')}.` : `Did you mean "${near}"?`
      throw new Fault('AGENT_REFUSED', `the configuration has no job "${name}"`, { hint })
    }
    const plan = this.plan({ asked: new Set([name]), parallel: Infinity })
    const start = plan.starts.find(one => one.name === name)
    if (!start) {
      const reason = plan.standings.find(one => one.name === name)?.reason ?? 'it runs already'
      throw new Fault('AGENT_REFUSED', `"${name}" can not be started now: ${reason}`, {
        hint: 'Wait until that has ended; `holdfast agent status` tells.',
      })
    }
    const { ended } = await this.runner.start(job, start)
    this.nap.abort()
    if (!wait) return { started: name, pid: this.runner.pidOf(name) ?? null }
    await ended
    const record = this.runner.memories.get(name)?.history.at(-1)
    return record && { job: name, ...told(record) }
  }

  private status(): AgentStatus {
    return {
      pid: process.pid,
      version,
      startedAt: iso(this.startedMs),
      configuration: this.deps.configPath,
      loadedAt: iso(this.loadedMs),
      refused: this.refused ?? null,
      copies: this.setup.copies,
      limits: this.rates.status(),
      jobs: jobStatuses(this.setup.jobs, this.plan(), this.runner),
      alerts: this.alerts.statuses() ?? null,
    }
  }
}
