/** Starts jobs as processes, waits for them, and remembers: the shell around the planner. */
import { join } from 'node:path'
import { startedByVariable } from '../audit/who.ts'
import { messageOf } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import type { Clock } from '../base/world.ts'
import type { JobMemory } from '../policy/jobs/job.ts'
import { memoryOf, type Start } from '../policy/jobs/plan-jobs.ts'
import { rememberEnd, rememberStart, type Ended } from '../policy/jobs/remember.ts'
import { findChild, startChild, unstarted, type Child } from './child.ts'
import { outcomeOf } from './outcome.ts'
import type { AgentJob } from './setup.ts'
import { writeState, type AgentState } from './state-file.ts'

export interface RunnerDeps {
  readonly clock: Clock
  readonly log: Log
  readonly folder: string
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The whole command line of a job. */
  readonly lineOf: (command: readonly string[]) => Promise<readonly string[]>
  /** Called when something has changed that the planner should know of. */
  readonly changed: () => void
}

interface RunningJob {
  readonly kind: string
  readonly child: Child
  told: 'stopped' | 'late' | undefined
  readonly ended: Promise<Ended>
}

export interface JobRunner {
  readonly memories: ReadonlyMap<string, JobMemory>
  /** By kind: the name of what runs. */
  readonly busyKinds: () => ReadonlyMap<string, string>
  readonly pidOf: (name: string) => number | undefined
  /** Begins to remember what is new. */
  readonly know: (jobs: readonly AgentJob[]) => Promise<void>
  /** Goes on with what an agent before this one started. */
  readonly adopt: (jobs: readonly AgentJob[]) => Promise<void>
  /** Resolves when it has started, with how it will end. */
  readonly start: (job: AgentJob, start: Start) => Promise<{ readonly ended: Promise<Ended> }>
  /** Tells all to clean up and end, and kills what has not done so in time. */
  readonly stopAll: (limitMs: number) => Promise<void>
}

export function createJobRunner(deps: RunnerDeps, before: AgentState): JobRunner {
  const { clock, log, folder, environment } = deps
  const runsFolder = join(folder, 'runs')
  const memories = new Map(before.jobs)
  const running = new Map<string, RunningJob>()
  let saving: Promise<void> = Promise.resolve()

  /** One after the other; what can not be written down is told, and work goes on. */
  function save(): Promise<void> {
    saving = saving
      .then(() => writeState(folder, { jobs: memories }))
      .catch((error: unknown) => {
        log.warn('state.unwritten', { folder, error: messageOf(error) })
      })
    return saving
  }

  function watch(
    job: AgentJob | undefined,
    name: string,
    kind: string,
    child: Child,
    startedMs: number,
  ): RunningJob {
    const run: RunningJob = { kind, child, told: undefined, ended: end() }
    running.set(name, run)
    return run

    async function end(): Promise<Ended> {
      const done = new AbortController()
      if (job) void limitTime(() => running.get(name), startedMs + job.timeLimitMs, done.signal)
      const ended = outcomeOf(kind, await child.ended, running.get(name)?.told)
      done.abort()
      running.delete(name)
      const memory = memories.get(name)
      if (memory) memories.set(name, rememberEnd(job?.job, memory, ended, clock.now()))
      await save()
      const { outcome, exit, message } = ended
      const fields = { job: name, outcome, exit, durationMs: clock.now() - startedMs, message }
      if (outcome === 'done') log.info('job.ended', fields)
      else log.warn('job.ended', fields)
      deps.changed()
      return ended
    }
  }

  async function limitTime(
    run: () => RunningJob | undefined,
    endMs: number,
    done: AbortSignal,
  ): Promise<void> {
    try {
      await clock.sleep(Math.max(0, Math.min(endMs - clock.now(), limits.timerMsMax)), done)
      const late = run()
      if (!late) return
      late.told ??= 'late'
      late.child.signal('SIGTERM')
      await clock.sleep(limits.jobCleanUpMsMax, done)
      late.child.signal('SIGKILL')
    } catch (error) {
      if (!done.aborted) throw error
    }
  }

  return {
    memories,
    busyKinds: () => new Map([...running].map(([name, { kind }]) => [kind, name])),
    pidOf: name => running.get(name)?.child.pid,
    async know(jobs) {
      for (const { job } of jobs) memories.set(job.name, memoryOf(job, memories.get(job.name), clock.now()))
      await save()
    },
    async adopt(jobs) {
      for (const [name, { running: underWay }] of memories) {
        if (!underWay) continue
        const { kind, startedMs } = underWay
        const child = await findChild({ runsFolder, name, startedMs }, clock)
        const isAlive = child.pid !== undefined
        log.info('job.found', { job: name, pid: child.pid, alive: isAlive })
        const { ended } = watch(
          jobs.find(({ job }) => job.name === name),
          name,
          kind,
          child,
          startedMs,
        )
        void ended
      }
    },
    async start(job, start) {
      const { name, kind, dueMs, attempt, cause } = start
      const startedMs = clock.now()
      const memory = memoryOf(job.job, memories.get(name), startedMs)
      memories.set(name, rememberStart(memory, start, startedMs))
      // Whoever comes after a kill must know of it before it begins.
      await save()
      const line = await deps.lineOf(job.command)
      const known = { ...environment, [startedByVariable]: `agent:${name}` }
      const child = await startChild({ runsFolder, name, startedMs }, line, known).catch(unstarted)
      log.info('job.started', {
        job: name,
        cause,
        attempt,
        due: new Date(dueMs).toISOString(),
        pid: child.pid,
      })
      return { ended: watch(job, name, kind, child, startedMs).ended }
    },
    async stopAll(limitMs) {
      const all = [...running.values()]
      for (const run of all) {
        run.told ??= 'stopped'
        run.child.signal('SIGTERM')
      }
      const done = new AbortController()
      const late = clock.sleep(limitMs, done.signal).then(
        () => {
          for (const { child } of running.values()) child.signal('SIGKILL')
        },
        () => undefined,
      )
      await Promise.all(all.map(({ ended }) => ended))
      done.abort()
      await late
      await saving
    },
  }
}
