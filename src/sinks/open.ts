/** From the configuration to sinks. */
import { dirname, resolve } from 'node:path'
import type { Clock } from '../base/world.ts'
import type { AlertSinkConfig } from '../config/alerts.ts'
import type { LoadedConfig } from '../config/config.ts'
import { readSecret } from '../config/secret-source.ts'
import { commandSink } from './command.ts'
import { emailSink } from './email.ts'
import { pagerDutySink } from './pagerduty.ts'
import { pingOf } from './ping.ts'
import { slackSink } from './slack.ts'
import { webhookSink } from './webhook.ts'
import type { Ping, Sink, SinkDeps } from './sink.ts'

export interface OpenSinks {
  readonly sinks: readonly Sink[]
  readonly pings: readonly Ping[]
}

export interface SinkSurroundings {
  readonly clock: Clock
  readonly environment: Readonly<Record<string, string | undefined>>
}

export function openSinks({ config: { alerts }, path }: LoadedConfig, around: SinkSurroundings): OpenSinks {
  const surroundings = { environment: around.environment, folder: dirname(path) }
  const stated = Object.entries(alerts?.sinks ?? {}).map(([name, sink]) => {
    const deps: SinkDeps = {
      clock: around.clock,
      reveal: (source, key, signal) =>
        readSecret(source, `alerts.sinks.${name}.${key}`, surroundings, signal),
    }
    return { name, sink, deps }
  })
  return {
    sinks: stated.flatMap(({ name, sink, deps }) => sinkOf(name, sink, deps, surroundings) ?? []),
    pings: stated.flatMap(({ name, sink, deps }) => (sink.ping ? pingOf(name, sink.ping, deps) : [])),
  }
}

function sinkOf(
  name: string,
  { slack, email, webhook, pagerduty, command }: AlertSinkConfig,
  deps: SinkDeps,
  { folder, environment }: Pick<SinkSurroundings, 'environment'> & { readonly folder: string },
): Sink | undefined {
  if (slack) return slackSink(name, slack, deps)
  if (email) return emailSink(name, { ...email, caFile: email.caFile && resolve(folder, email.caFile) }, deps)
  if (webhook) return webhookSink(name, webhook, deps)
  if (pagerduty) return pagerDutySink(name, pagerduty, deps)
  return command && commandSink(name, { run: command.run, environment }, deps)
}
