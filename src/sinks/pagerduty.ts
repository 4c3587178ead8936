/** PagerDuty, by its Events API v2: an alert is an incident there, opened and resolved by its key. */
import { alertLimits } from '../base/alert-limits.ts'
import type { SecretSource } from '../config/secret-source.ts'
import type { Notice } from '../policy/alerts/notice.ts'
import { whatOf } from '../policy/alerts/words.ts'
import { callHttp } from './http.ts'
import type { Sink, SinkDeps } from './sink.ts'

export interface PagerDutyOptions {
  readonly routingKey: SecretSource
  readonly endpoint: string
}

export function pagerDutySink(name: string, options: PagerDutyOptions, deps: SinkDeps): Sink {
  return {
    name,
    kind: 'pagerduty',
    // Each alert is an incident of its own.
    togetherMax: 1,
    async send([notice], signal) {
      if (!notice) return undefined
      const key = (await deps.reveal(options.routingKey, 'pagerduty.routing_key', signal)).reveal()
      const post = (event: object): Promise<string> =>
        callHttp(
          {
            who: `pagerduty "${name}"`,
            url: options.endpoint,
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ routing_key: key, ...event }),
            secrets: [key],
          },
          deps.clock,
          signal,
        )
      await post(pagerDutyEvent(notice))
      // A test must not leave somebody with an incident.
      if (notice.kind === 'test') await post({ event_action: 'resolve', dedup_key: dedupKeyOf(notice) })
      return undefined
    },
  }
}

export function pagerDutyEvent(notice: Notice): object {
  const { kind, cluster, finding, sinceMs, cameTimes } = notice
  const dedup_key = dedupKeyOf(notice)
  if (kind === 'resolved' || kind === 'withdrawn') return { event_action: 'resolve', dedup_key }
  return {
    event_action: 'trigger',
    dedup_key,
    client: 'Holdfast',
    payload: {
      summary: `${kind === 'test' ? 'TEST ' : ''}${cluster}: ${whatOf(finding)}`.slice(
        0,
        alertLimits.pagerDutySummaryCharsMax,
      ),
      source: cluster,
      severity: finding.state,
      timestamp: new Date(sinceMs).toISOString(),
      component: finding.repository ?? finding.subject ?? undefined,
      group: cluster,
      class: finding.code,
      custom_details: { to_do: finding.fix, runbook: finding.runbook, came_times: cameTimes },
    },
  }
}

/** The alert, not the notice: what follows belongs to the same incident. */
const dedupKeyOf = ({ cluster, alertId }: Notice): string => `holdfast/${cluster}/${alertId}`
