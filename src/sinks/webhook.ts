/**
 * Any program of the user's: the notices as JSON, signed.
 *
 *     Holdfast-Signature: t=<seconds since 1970>,v1=<HMAC-SHA256 of "<t>.<body>" in hex>
 *
 * The time is signed, too, so that what was recorded can not be played back later. docs/alerts.md shows how it is checked.
 */
import { createHmac } from 'node:crypto'
import { alertLimits } from '../base/alert-limits.ts'
import type { SecretSource } from '../config/secret-source.ts'
import type { Notice } from '../policy/alerts/notice.ts'
import { titleOf } from '../policy/alerts/words.ts'
import { callHttp } from './http.ts'
import type { Sink, SinkDeps } from './sink.ts'

export interface WebhookOptions {
  readonly url: SecretSource
  readonly secret: SecretSource
}

export function webhookSink(name: string, { url, secret }: WebhookOptions, deps: SinkDeps): Sink {
  return {
    name,
    kind: 'webhook',
    togetherMax: alertLimits.sinkTogetherMax,
    async send(notices, signal) {
      const [address, key] = await Promise.all([
        deps.reveal(url, 'webhook.url', signal),
        deps.reveal(secret, 'webhook.secret', signal),
      ])
      const body = JSON.stringify(webhookBody(notices))
      await callHttp(
        {
          who: `webhook "${name}"`,
          url: address.reveal(),
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            'holdfast-signature': signatureOf(body, key.reveal(), deps.clock.now()),
          },
          body,
          secrets: [key.reveal()],
        },
        deps.clock,
        signal,
      )
      return undefined
    },
  }
}

export function signatureOf(body: string, key: string, nowMs: number): string {
  const seconds = String(Math.floor(nowMs / 1000))
  return `t=${seconds},v1=${createHmac('sha256', key).update(`${seconds}.${body}`).digest('hex')}`
}

/** For programs: the names are stable. Times are ISO 8601, UTC. */
export function webhookBody(notices: readonly Notice[]): object {
  return { format: 1, notices: notices.map(noticeRecord) }
}

function noticeRecord(notice: Notice): object {
  const { id, alertId, kind, cluster, finding, sinceMs, atMs, cameTimes } = notice
  return {
    id,
    alert: alertId,
    kind,
    cluster,
    code: finding.code,
    state: finding.state,
    repository: finding.repository,
    subject: finding.subject,
    title: titleOf(notice),
    message: finding.message,
    fix: finding.fix,
    runbook: finding.runbook,
    since: new Date(sinceMs).toISOString(),
    at: new Date(atMs).toISOString(),
    cameTimes: cameTimes ?? null,
  }
}
