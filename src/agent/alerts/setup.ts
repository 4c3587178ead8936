/** What the configuration asks of alerts, as the agent works with it. */
import { Fault } from '../../base/fault.ts'
import { nearest } from '../../base/nearest.ts'
import type { LoadedConfig } from '../../config/config.ts'
import { alertLimits } from '../../base/alert-limits.ts'
import type { AlertRules } from '../../policy/alerts/alert.ts'
import type { SinkRule } from '../../policy/alerts/announce.ts'
import { findingCatalogue } from '../../policy/findings/finding.ts'

export interface AlertsSetup {
  readonly cluster: string
  readonly everyMs: number
  readonly rules: AlertRules
  readonly runbooks: string | undefined
  /** Of those that are told of alerts. */
  readonly sinks: readonly SinkRule[]
}

/** Undefined: the configuration has no `alerts`, and nobody looks. */
export function alertsSetupOf({ config, path }: LoadedConfig): AlertsSetup | undefined {
  const { alerts, cluster } = config
  if (!alerts) return undefined
  const stated = Object.entries(alerts.sinks).filter(([, sink]) => !sink.ping)
  return {
    cluster,
    everyMs: Math.max(alerts.every, alertLimits.lookEveryMsMin),
    rules: {
      afterMs: alerts.after,
      overAfterMs: alerts.overAfter,
      repeatMsFirst: Math.max(alerts.repeat.first, alertLimits.lookEveryMsMin),
      repeatMsMost: Math.max(alerts.repeat.most, alerts.repeat.first),
      flappingTimes: alerts.flapping.times,
      flappingWithinMs: alerts.flapping.within,
    },
    runbooks: alerts.runbooks,
    sinks: stated.map(([name, { min, only }]) => ({
      name,
      min,
      only: only && new Set(only.map(code => knownCode(code, `${path}: alerts.sinks.${name}.only`))),
    })),
  }
}

const codes = Object.keys(findingCatalogue)

/** A code that there is not would keep a sink silent for ever. */
function knownCode(code: string, where: string): string {
  if (codes.includes(code)) return code
  const near = nearest(code, codes)
  throw new Fault('CONFIG_INVALID', `${where}: there is no code "${code}"`, {
    hint: near === undefined ? 'See the list of codes in docs/alerts.md.' : `Did you mean "${near}"?`,
  })
}
