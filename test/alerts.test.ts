/** Alerts as people have them: the built program, a real mail server with TLS, and a real HTTP receiver. */
import { createHmac } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import {
  mailAccount,
  openHttpReceiver,
  openMailReceiver,
  type HttpReceiver,
  type MailReceiver,
  type Received,
} from './support/alert-receivers.ts'
import { describeRun, jsonOf, startHoldfast, type Run } from './support/holdfast.ts'
import { freePort } from './support/node-server.ts'
import { makeCertificate } from './support/own-certificate.ts'

interface SinkTest {
  readonly sink: string
  readonly kind: string
  readonly ok: boolean
  readonly message: string | null
}

const secret = 'a secret of the webhook'
const token = 'T0001/B0002/abcdefghijklmnop'

let folder: string
let http: HttpReceiver
let mail: MailReceiver
let implicitMail: MailReceiver

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hf-alerts-'))
  chmodSync(folder, 0o755)
  const certificate = await makeCertificate()
  writeFileSync(join(folder, 'ca.pem'), certificate.cert)
  writeFileSync(join(folder, 'password'), mailAccount.password)
  http = await openHttpReceiver()
  mail = await openMailReceiver(certificate)
  implicitMail = await openMailReceiver(certificate, { secure: true })
})

afterAll(async () => {
  await http[Symbol.asyncDispose]()
  await mail[Symbol.asyncDispose]()
  await implicitMail[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

beforeEach(() => {
  http.answer = () => undefined
})

const slack = () => ({ slack: { url: `${http.url}/services/${token}` } })
const webhook = () => ({ webhook: { url: '${HOOK_URL}', secret } })
const pagerduty = () => ({ pagerduty: { routing_key: 'R0UT1NGK3Y', endpoint: `${http.url}/v2/enqueue` } })
const ping = () => ({ ping: { url: `${http.url}/ping/0123-4567` } })
const email = (more: object = {}) => ({
  email: {
    host: '127.0.0.1',
    port: mail.port,
    ca_file: 'ca.pem',
    user: mailAccount.user,
    password: { file: 'password' },
    from: 'Holdfast <holdfast@db1.example.com>',
    to: ['dba@example.com'],
    ...more,
  },
})

function configure(sinks: object): string {
  const path = join(folder, 'holdfast.yaml')
  const text = stringify({
    cluster: 'gathr',
    postgres: { connection: 'host=/nowhere' },
    repositories: { main: { url: 'file:///nowhere', encryption: 'none' } },
    alerts: { sinks },
  })
  writeFileSync(path, text)
  return path
}

const run = (sinks: object, ...args: readonly string[]): Promise<Run> =>
  startHoldfast(['--config', configure(sinks), 'alerts', 'test', ...args], {
    environment: { HOOK_URL: `${http.url}/hook` },
  }).ended

async function testsOf(sinks: object): Promise<readonly SinkTest[]> {
  return jsonOf(await run(sinks, '--json'))
}

/** Written anew here, as a receiver would. */
function isSigned({ headers, body }: Received, key: string): boolean {
  const [, time = '', hex = ''] =
    /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['holdfast-signature'])) ?? []
  const expected = createHmac('sha256', key).update(`${time}.${body}`).digest('hex')
  return expected === hex && Math.abs(Number(time) - Date.now() / 1000) < 300
}

describe('holdfast alerts test', () => {
  test('sends a test to each sink, each in the form that it takes', async () => {
    const command = { command: { run: `cat > ${join(folder, 'told')}` } }
    rmSync(join(folder, 'told'), { force: true })
    writeFileSync(join(folder, 'told'), '')
    chmodSync(join(folder, 'told'), 0o666)
    const sinks = {
      team: slack(),
      hook: webhook(),
      oncall: pagerduty(),
      alive: ping(),
      dba: email(),
      smtps: email({ port: implicitMail.port, tls: 'implicit' }),
      own: command,
    }
    const done = await run(sinks)
    expect(done.status, describeRun(done)).toBe(0)
    expect(done.out.match(/arrived/g)).toHaveLength(7)

    const at = (path: string) => http.received.filter(one => one.path === path)
    const [slackCall] = at(`/services/${token}`)
    expect(JSON.parse(slackCall?.body ?? '')).toMatchObject({
      text: expect.stringMatching(/^TEST gathr: this is a test/),
      attachments: [{ color: 'good', title: expect.stringContaining('TEST gathr') }],
    })
    const [hookCall] = at('/hook')
    expect(hookCall && isSigned(hookCall, secret)).toBe(true)
    expect(hookCall && isSigned(hookCall, 'another')).toBe(false)
    expect(JSON.parse(hookCall?.body ?? '')).toMatchObject({
      format: 1,
      notices: [{ kind: 'test', cluster: 'gathr' }],
    })
    const events = at('/v2/enqueue').map(({ body }) => JSON.parse(body) as Record<string, unknown>)
    expect(events).toMatchObject([
      {
        routing_key: 'R0UT1NGK3Y',
        event_action: 'trigger',
        payload: { source: 'gathr', severity: 'warning', class: 'TEST' },
      },
      { routing_key: 'R0UT1NGK3Y', event_action: 'resolve', dedup_key: events[0]?.['dedup_key'] },
    ])
    expect(at('/ping/0123-4567')).toMatchObject([{ method: 'GET' }])
    expect(JSON.parse(readFileSync(join(folder, 'told'), 'utf8'))).toMatchObject({
      notices: [{ kind: 'test' }],
    })

    for (const { mails } of [mail, implicitMail]) {
      expect(mails).toMatchObject([
        { from: 'holdfast@db1.example.com', to: ['dba@example.com'], encrypted: true, user: 'holdfast' },
      ])
      expect(mails[0]?.text).toMatch(/^Subject: \[holdfast\] TEST gathr: this is a test/m)
      expect(mails[0]?.text).toMatch(/^Auto-Submitted: auto-generated/m)
      expect(mails[0]?.text).toContain('text/html')
    }
  })

  test('says of each what went wrong, ends with status 1, and shows no secret', async () => {
    http.answer = path => {
      if (path.includes('gone')) return { status: 404, body: `<pre>Cannot POST ${path}</pre>` }
      if (path.includes('busy')) return { status: 503, body: 'later' }
      if (path.includes('moved')) return { status: 302, location: 'https://elsewhere.example.com/' }
      return undefined
    }
    const closedPort = await freePort()
    const sinks = {
      fine: slack(),
      gone: { slack: { url: `${http.url}/gone/${token}` } },
      busy: { ping: { url: `${http.url}/busy/${token}` } },
      moved: { webhook: { url: `${http.url}/moved/${token}`, secret } },
      nobody: { slack: { url: `http://127.0.0.1:${String(closedPort)}/${token}` } },
      notaurl: { slack: { url: `hooks.slack.com/${token}` } },
      unset: { slack: { url: '${NOT_SET}' } },
      password: email({ password: 'hunter2hunter2' }),
      stranger: email({ ca_file: undefined }),
      recipient: email({ to: ['nobody@example.com'] }),
      onerecipient: email({ to: ['dba@example.com', 'nobody@example.com'] }),
      own: { command: { run: 'echo the modem is off >&2; exit 3' } },
    }
    const failed = await run(sinks)
    expect(failed.status).toBe(1)
    for (const word of [token, 'abcdefghijklmnop', secret, 'hunter2', 'R0UT1NGK3Y', mailAccount.password])
      expect(failed.out + failed.err).not.toContain(word)
    const told = Object.fromEntries((await testsOf(sinks)).map(one => [one.sink, one.message ?? 'arrived']))
    const host = http.url.replace('http://', '')
    expect(told).toEqual({
      fine: 'arrived',
      gone: `slack "gone": ${host} answered 404: <pre>Cannot POST ***</pre>`,
      busy: `ping "busy": ${host} answered 503: later`,
      moved: `webhook "moved": ${host} answered 302: ok`,
      nobody: `slack "nobody": 127.0.0.1:${String(closedPort)} can not be reached: nobody listens there (ECONNREFUSED)`,
      notaurl: 'slack "notaurl": its address is not a URL that begins with https:// or http://',
      unset: 'alerts.sinks.unset.slack.url needs the environment variable NOT_SET, which is not set',
      password: expect.stringMatching(
        /^email "password": 127.0.0.1: Invalid login: 535 wrong password \*\*\*/,
      ),
      stranger: 'email "stranger": 127.0.0.1: self-signed certificate',
      recipient: expect.stringContaining('no such user here'),
      onerecipient: '127.0.0.1 refused it for nobody@example.com',
      own: 'command "own" ended with status 3: the modem is off',
    })
  })

  test('sends no mail in the clear where encryption was asked for', async () => {
    const before = mail.mails.length
    await using bare = await openMailReceiver(await makeCertificate(), { withoutTls: true })
    const [tested] = await testsOf({ dba: email({ port: bare.port }) })
    expect(tested).toMatchObject({ ok: false, message: expect.stringMatching(/STARTTLS|TLS/) })
    expect(bare.mails).toEqual([])
    expect(mail.mails).toHaveLength(before)
    const inTheClear = await testsOf({
      dba: email({ port: bare.port, tls: 'none', user: undefined, password: undefined }),
    })
    expect(inTheClear).toMatchObject([{ ok: false, message: expect.stringContaining('uthentication') }])
  })

  test('tests those that are named, and knows no others', async () => {
    const sinks = { team: slack(), hook: webhook() }
    expect(jsonOf<readonly SinkTest[]>(await run(sinks, 'hook', '--json'))).toMatchObject([
      { sink: 'hook', ok: true },
    ])
    const wrong = await run(sinks, 'tema')
    expect(wrong.status).toBe(2)
    expect(wrong.err).toContain('Did you mean "team"?')
    const none = await run({})
    expect(none.status).toBe(2)
    expect(none.err).toContain('names no sinks of alerts')
  })
})
