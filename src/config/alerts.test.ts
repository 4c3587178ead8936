import { expect, test } from 'vitest'
import { parseConfig } from './load.ts'

const before = `
cluster: gathr
postgres: { connection: host=/run/postgresql }
repositories:
  main: { url: 'file:///srv/backups', encryption: none }
`
const mail = 'host: smtp.example.com, from: a@example.com, to: [b@example.com]'

function mistakesOf(alerts: string): string {
  try {
    parseConfig(`${before}alerts: ${alerts}`, 'x')
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return 'none'
}

test.each([
  [`{ sinks: { a: { email: { ${mail} } }, b: { slack: { url: 'https://x/y' } } } }`, 'none'],
  ['{ sinks: { a: {} } }', 'must have exactly one of slack, email, webhook, pagerduty, command, ping'],
  [
    `{ sinks: { a: { slack: { url: 'https://x/y' }, email: { ${mail} } } } }`,
    'alerts.sinks.a must have exactly one of',
  ],
  [
    `{ sinks: { a: { slak: { url: 'https://x/y' } } } }`,
    'alerts.sinks.a.slak is not a known key; did you mean "slack"?',
  ],
  [`{ sinks: { a: { email: { ${mail}, tls: none } } } }`, 'sends in the clear'],
  [`{ sinks: { a: { email: { ${mail.replace('smtp.example.com', '127.0.0.1')}, tls: none } } } }`, 'none'],
  [`{ sinks: { a: { email: { ${mail}, user: me } } } }`, 'needs both `user` and `password`, or neither'],
  [
    `{ sinks: { a: { email: { ${mail.replace('b@example.com', 'nobody')} } } } }`,
    'to[0] is not a mail address',
  ],
  ['{ sinks: { a: { webhook: { url: https://x/y } } } }', 'alerts.sinks.a.webhook.secret is missing'],
])('%s: %s', (alerts, mistake) => {
  expect(mistakesOf(alerts)).toContain(mistake)
})
