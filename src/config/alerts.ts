/** Who hears of what is wrong, and how often. */
import * as z from 'zod/mini'
import { described, duration, integer, name, secret, section, text, words } from './values.ts'

const slack = section({
  url: described(secret(), 'The URL of an incoming webhook. Whoever has it can write to the channel.', [
    { file: '/etc/holdfast/slack-url' },
  ]),
})

const address = text('a mail address', /^(?:[^\s@<>]+@[^\s@<>]+|[^<>@]*<[^\s@<>]+@[^\s@<>]+>)$/)

const email = section({
  host: described(z.string().check(z.minLength(1)), 'The mail server.', ['smtp.example.com']),
  port: described(z.optional(integer(1, 65_535)), 'Nothing said: 587, with `implicit` 465, with `none` 25.'),
  tls: described(
    z._default(words(['starttls', 'implicit', 'none']), 'starttls'),
    'How the connection is encrypted: after a greeting (and not at all otherwise is an error), from its beginning, or not at all, which only this host itself is trusted with.',
  ),
  ca_file: described(
    z.optional(z.string()),
    'A file with certificates (PEM) of own authorities, besides those of the system.',
  ),
  user: described(z.optional(z.string()), 'Who sends, for servers that want to know.'),
  password: described(z.optional(secret()), 'And the password.', [{ file: '/etc/holdfast/smtp-password' }]),
  from: described(address, 'From whom the mails are.', ['Holdfast <holdfast@example.com>']),
  to: described(z.array(address).check(z.minLength(1)), 'To whom.', [['dba@example.com']]),
})

const webhook = section({
  url: described(secret(), 'Where the notices are posted to, as JSON.', ['https://example.com/holdfast']),
  secret: described(secret(), 'What they are signed with (HMAC-SHA256).', [
    { file: '/etc/holdfast/webhook-secret' },
  ]),
})

const pagerduty = section({
  routing_key: described(secret(), 'The integration key of a service (Events API v2).'),
  endpoint: described(
    z._default(text('a URL', /^https?:\/\/.+/), 'https://events.pagerduty.com/v2/enqueue'),
    "Where events go. In PagerDuty's European region, https://events.eu.pagerduty.com/v2/enqueue.",
  ),
})

const command = section({
  run: described(
    z.string().check(z.minLength(1)),
    'Given to the shell; on its standard input it gets what a webhook gets. It is done when its status is 0.',
    ['/usr/local/bin/send-sms'],
  ),
})

const ping = section({
  url: described(secret(), 'The URL that is called.', ['https://hc-ping.com/…']),
  every: described(z.prefault(duration(), '1m'), 'So often.'),
  while: described(
    z._default(words(['alive', 'well']), 'alive'),
    'As long as the agent lives and can look, or only as long as nothing critical is open.',
  ),
})

const kinds = ['slack', 'email', 'webhook', 'pagerduty', 'command', 'ping'] as const

const sink = section({
  slack: described(z.optional(slack), 'Slack, or what takes the same messages.'),
  email: described(
    z.optional(
      email.check(
        z.refine(({ tls, host }) => tls !== 'none' || isThisHost(host), {
          error: 'sends in the clear (`tls: none`) to another host, which is allowed only to this one',
        }),
        z.refine(({ user, password }) => (user === undefined) === (password === undefined), {
          error: 'needs both `user` and `password`, or neither',
        }),
      ),
    ),
    'Mail, by SMTP.',
  ),
  webhook: described(z.optional(webhook), 'A program of your own, over HTTP.'),
  pagerduty: described(z.optional(pagerduty), 'PagerDuty.'),
  command: described(z.optional(command), 'A program of your own on this host.'),
  ping: described(
    z.optional(ping),
    "A dead man's switch: a service that raises the alarm when it is no longer called. It is told of no alerts.",
  ),
})

/** Which kind of sink it is, said by the key that is there. */
const oneSink = sink.check(
  z.refine(given => kinds.filter(kind => given[kind] !== undefined).length === 1, {
    error: `must have exactly one of ${kinds.join(', ')}`,
  }),
)

export const alerts = section({
  sinks: described(
    z._default(z.record(name(), oneSink), {}),
    'Who hears of it, by names of your choice; each is one of `slack`, `email`, `webhook`, `pagerduty`, `command`, `ping`.',
  ),
})

export type AlertsConfig = z.infer<typeof alerts>
export type AlertSinkConfig = AlertsConfig['sinks'][string]

function isThisHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d+){3}$/.test(host)
}
