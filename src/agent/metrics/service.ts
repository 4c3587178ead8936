/** Keeps what monitoring asks for at hand: looks at the repositories now and then, and listens. */
import { messageOf } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Log } from '../../base/log.ts'
import type { Secret } from '../../base/secret.ts'
import type { Clock } from '../../base/world.ts'
import type { SecretSource } from '../../config/secret-source.ts'
import type { AgentStatus } from '../../control/agent-status.ts'
import { metricCatalogue } from '../../policy/metrics/catalogue.ts'
import type { MetricsFormat, MetricsText } from '../../policy/metrics/prometheus.ts'
import { sample, samplesIn, type Sample } from '../../policy/metrics/sample.ts'
import type { Answered } from '../ask-self.ts'
import { agentSamples } from './samples.ts'
import { serveMetrics, type ListenAt } from './server.ts'

export interface MetricsSetup {
  readonly cluster: string
  /** Undefined: nobody is listened to. */
  readonly listen: ListenAt | undefined
  /** What who asks has to bring. */
  readonly token: SecretSource | undefined
  /** Between two looks at the repositories, when somebody is listened to. */
  readonly everyMs: number
  /** Between two sendings to CloudWatch, each of which is a look; undefined: none. */
  readonly cloudwatchMs: number | undefined
}

export interface MetricsDeps {
  readonly clock: Clock
  readonly log: Log
  readonly setup: () => MetricsSetup
  /** Runs a command of this program with --json. */
  readonly ask: (command: readonly string[], signal: AbortSignal) => Promise<Answered>
  readonly readToken: (source: SecretSource, signal: AbortSignal) => Promise<Secret>
  readonly status: () => AgentStatus
  readonly trouble: () => string | undefined
}

export interface MetricsService {
  /** Until the signal. By the setup as it is when this begins. */
  keep(signal: AbortSignal): Promise<void>
  text(format: MetricsFormat): Promise<MetricsText>
}

export function createMetricsService(deps: MetricsDeps): MetricsService {
  const { clock, log } = deps
  let gathered: readonly Sample[] = []
  let look: { readonly isDone: boolean; readonly durationMs: number } | undefined
  let scrapes = 0

  async function text(format: MetricsFormat): Promise<MetricsText> {
    const { prometheusText } = await import('../../policy/metrics/prometheus.ts')
    const own = [
      ...agentSamples(deps.status()),
      ...sample('holdfast_agent_scrapes_total', {}, ++scrapes),
      ...sample('holdfast_agent_look_success', {}, look?.isDone),
      ...sample('holdfast_agent_look_duration_seconds', {}, look && look.durationMs / 1000),
    ]
    return prometheusText([...gathered, ...own], { cluster: deps.setup().cluster }, format)
  }

  async function keepLooking(setup: MetricsSetup, signal: AbortSignal): Promise<void> {
    const { listen, cloudwatchMs = Infinity } = setup
    const everyMs = Math.min(listen ? setup.everyMs : Infinity, cloudwatchMs)
    let sendMs = clock.monotonicMs()
    while (!signal.aborted) {
      const startMs = clock.monotonicMs()
      const isSent = cloudwatchMs !== Infinity && startMs >= sendMs
      if (isSent) sendMs = startMs + cloudwatchMs
      const { value, error } = await deps.ask(['metrics', ...(isSent ? ['--cloudwatch'] : [])], signal)
      if (isOver(signal)) return
      const durationMs = clock.monotonicMs() - startMs
      // What was seen counts, also when it could not be sent.
      const seen = ofRepositories(value)
      look = { isDone: seen !== undefined, durationMs }
      if (seen) gathered = seen
      if (error !== undefined) log.warn(seen ? 'metrics.unsent' : 'metrics.unknown', { error })
      await clock
        .sleep(Math.max(everyMs - durationMs, limits.metricsPauseMsMin), signal)
        .catch(() => undefined)
    }
  }

  /** Without the port, or the token, all the rest goes on; it is tried again. */
  async function keepListening(
    at: ListenAt,
    source: SecretSource | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      try {
        const token = source && (await deps.readToken(source, signal))
        await using server = await serveMetrics(at, { token, metrics: text, trouble: deps.trouble })
        log.info('metrics.listening', { host: at.host, port: server.port, token: token !== undefined })
        await until(signal)
      } catch (error) {
        if (isOver(signal)) return
        log.warn('metrics.unheard', { ...at, error: messageOf(error) })
        await clock.sleep(limits.servicePauseMsMax, signal).catch(() => undefined)
      }
    }
  }

  return {
    text,
    async keep(signal) {
      const setup = deps.setup()
      if (!setup.listen && setup.cloudwatchMs === undefined) await until(signal)
      else
        await Promise.all([
          keepLooking(setup, signal),
          setup.listen && keepListening(setup.listen, setup.token, signal),
        ])
    },
  }
}

/** Of jobs the agent knows better, and now. */
function ofRepositories(value: unknown): readonly Sample[] | undefined {
  if (typeof value !== 'object' || value === null || !('samples' in value)) return undefined
  return samplesIn(value.samples).filter(({ name }) => metricCatalogue[name].from === 'repositories')
}

/** Asked anew: it changes while something is awaited. */
const isOver = (signal: AbortSignal): boolean => signal.aborted

function until(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
