/** Slack, by an incoming webhook; what else takes its messages (Mattermost, Rocket.Chat) takes these. */
import { alertLimits } from '../base/alert-limits.ts'
import type { SecretSource } from '../config/secret-source.ts'
import type { Notice } from '../policy/alerts/notice.ts'
import { inOrder, linesOf, subjectOf, titleOf } from '../policy/alerts/words.ts'
import { callHttp } from './http.ts'
import type { Sink, SinkDeps } from './sink.ts'

export function slackSink(name: string, { url }: { readonly url: SecretSource }, deps: SinkDeps): Sink {
  return {
    name,
    kind: 'slack',
    togetherMax: alertLimits.sinkTogetherMax,
    async send(notices, signal) {
      const address = await deps.reveal(url, 'slack.url', signal)
      await callHttp(
        {
          who: `slack "${name}"`,
          url: address.reveal(),
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(slackMessage(notices)),
        },
        deps.clock,
        signal,
      )
      return undefined
    },
  }
}

export function slackMessage(notices: readonly Notice[]): unknown {
  return {
    text: escaped(subjectOf(notices)),
    attachments: inOrder(notices).map(notice => ({
      color: colorOf(notice),
      fallback: escaped(titleOf(notice)),
      title: escaped(titleOf(notice)),
      text: linesOf(notice)
        .map(([label, text]) => `*${label}*  ${escaped(text)}`)
        .join('\n'),
      mrkdwn_in: ['text'],
      ts: Math.floor(notice.atMs / 1000),
    })),
  }
}

function colorOf({ kind, finding }: Notice): string {
  if (kind === 'resolved' || kind === 'test') return 'good'
  return finding.state === 'critical' ? 'danger' : 'warning'
}

/** What Slack asks to be escaped; else `<!channel>` in a message would call everybody. */
const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
