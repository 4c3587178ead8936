/** Who hears of what is wrong, and how often. */
import * as z from 'zod/mini'
import { described, duration, integer, name, secret, section, text, webUrl, words } from './values.ts'

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
    z._default(webUrl(), 'https://events.pagerduty.com/v2/enqueue'),
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
  min: described(
    z._default(words(['warning', 'critical']), 'warning'),
    'It hears of what is so bad, and worse.',
  ),
  only: described(
    z.optional(z.array(z.string()).check(z.minLength(1))),
    'It hears of this trouble alone, by its codes (docs/alerts.md).',
    [['job-failed', 'backup-late']],
  ),
})

/** Which kind of sink it is, said by the key that is there. */
const oneSink = sink.check(
  z.refine(given => kinds.filter(kind => given[kind] !== undefined).length === 1, {
    error: `must have exactly one of ${kinds.join(', ')}`,
  }),
)

const repeat = section({
  first: described(z.prefault(duration(), '1h'), 'The first pause; each is twice as long as the one before.'),
  most: described(z.prefault(duration(), '1d'), 'No pause is longer.'),
})

const flapping = section({
  times: described(z._default(integer(2, 50), 4), 'What comes so often…'),
  within: described(z.prefault(duration(), '2h'), '…within so long, comes and goes.'),
})

export const alerts = section({
  every: described(z.prefault(duration(), '1m'), 'How often the agent looks.'),
  after: described(z.prefault(duration(), '2m'), 'Trouble is told when it was there for so long.'),
  over_after: described(z.prefault(duration(), '5m'), 'It is over when it was away for so long.'),
  repeat: described(z.prefault(repeat, {}), 'How often you are told that it is still there.'),
  flapping: described(
    z.prefault(flapping, {}),
    'What comes and goes is told of once, and is over when it has calmed down.',
  ),
  runbooks: described(
    z.optional(webUrl()),
    'Where the pages of docs/runbooks can be read, for links. Nothing said: their paths are told.',
    ['https://wiki.example.com/holdfast/runbooks'],
  ),
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
