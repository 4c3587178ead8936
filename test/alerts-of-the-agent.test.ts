/**
 * Alerts of a running agent, as people have them: a repository that goes away and comes back, sinks that are down, and an agent
 * that is killed. No server of PostgreSQL is needed: the repository is the one of the vectors, whose backup is old by now.
 */
import { execFileSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { chmodSync, cpSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { AgentAlerts } from '../src/control/agent-alerts.ts'
import {
  mailAccount,
  openHttpReceiver,
  openMailReceiver,
  type HttpReceiver,
  type MailReceiver,
} from './support/alert-receivers.ts'
import { describeRun, jsonOf, startHoldfast, type Run, type Running } from './support/holdfast.ts'
import { makeCertificate } from './support/own-certificate.ts'
import { serverUser } from './support/postgres-binaries.ts'
import { seededRandom } from './support/random.ts'
import { until } from './support/until.ts'

const random = seededRandom('agents that are killed while they tell')
const vectors = fileURLToPath(new URL('vectors/repository', import.meta.url))

let folder: string
let http: HttpReceiver
let mail: MailReceiver
let agent: Running

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hf-alerts-'))
  cpSync(vectors, join(folder, 'repository'), { recursive: true })
  const certificate = await makeCertificate()
  writeFileSync(join(folder, 'ca.pem'), certificate.cert)
  const { uid, gid } = serverUser()
  execFileSync('chown', ['-R', `${String(uid)}:${String(gid)}`, folder])
  chmodSync(folder, 0o755)
  http = await openHttpReceiver()
  mail = await openMailReceiver(certificate)
  configure({ hook: hook(), dba: email(), oncall, switch: ping })
})

afterAll(async () => {
  agent.kill('SIGKILL')
  await agent.ended
  await http[Symbol.asyncDispose]()
  await mail[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const hook = (): object => ({ webhook: { url: '${HOOK_URL}', secret: 'shared' } })
const email = (): object => ({
  email: {
    ...{ host: '127.0.0.1', port: mail.port, ca_file: 'ca.pem' },
    ...{ user: mailAccount.user, password: mailAccount.password },
    ...{ from: 'holdfast@example.com', to: ['dba@example.com'] },
  },
})
const oncall = {
  pagerduty: { routing_key: '${KEY}', endpoint: 'http://127.0.0.1:9' },
  ...{ min: 'critical', only: ['repository-unreachable'] },
}
const ping = { ping: { url: '${PING_URL}', every: '1s' } }

function configure(sinks: Readonly<Record<string, object>>): void {
  oncall.pagerduty.endpoint = `${http.url}/pagerduty`
  const config = {
    cluster: 'plain',
    postgres: { connection: 'host=/nowhere' },
    repositories: { main: { url: `file://${join(folder, 'repository')}`, encryption: 'none' } },
    agent: { state: join(folder, 'state'), socket: join(folder, 'agent.sock') },
    alerts: {
      ...{ every: '1s', after: '2s', over_after: '2s', repeat: { first: '3s', most: '6s' } },
      // The agent is killed, and the repository taken away, more often than a machine would do.
      flapping: { times: 50, within: '10s' },
      runbooks: 'https://wiki.example.com/runbooks/',
      sinks,
    },
  }
  writeFileSync(join(folder, 'holdfast.yaml'), stringify(config))
}

const holdfast = (...args: readonly string[]): Running =>
  startHoldfast(['--config', join(folder, 'holdfast.yaml'), ...args], {
    environment: { HOOK_URL: `${http.url}/hook`, PING_URL: `${http.url}/ping`, KEY: 'R0UT1NG' },
  })
const run = (...args: readonly string[]): Promise<Run> => holdfast(...args).ended
const list = async (): Promise<AgentAlerts> => jsonOf(await run('alerts', 'list', '--json'))

async function startAgent(): Promise<void> {
  agent = holdfast('agent')
  const ended = agent.ended.then(over => {
    throw new Error(`the agent ended: ${describeRun(over)}`)
  })
  ended.catch(() => undefined)
  const answers = async (): Promise<boolean> => (await run('agent', 'status')).status === 0
  await Promise.race([ended, until('the agent answers', answers)])
}

const [there, away] = ['repository', 'repository-away']
const move = (from: string, to: string): void => renameSync(join(folder, from), join(folder, to))

interface Told {
  readonly id: string
  readonly alert: string
  readonly kind: string
  readonly code: string
  readonly state: string
  readonly runbook: string
}

/** All that arrived at the webhook, each with a signature that is right. */
function hooked(code: string): readonly Told[] {
  const calls = http.received.filter(({ path }) => path === '/hook')
  const notices = calls.flatMap(({ headers, body }) => {
    const [, time = '', signature] = /^t=(\d+),v1=(.+)$/.exec(String(headers['holdfast-signature'])) ?? []
    expect(createHmac('sha256', 'shared').update(`${time}.${body}`).digest('hex')).toBe(signature)
    return (JSON.parse(body) as { readonly notices: readonly Told[] }).notices
  })
  return notices.filter(one => one.code === code)
}

const kinds = (code: string): readonly string[] => hooked(code).map(({ kind }) => kind)
const mailed = (subject: RegExp): number => mail.mails.filter(({ text }) => subject.test(text)).length

describe('the agent', () => {
  test('tells when a repository goes away, again while it is away, and when it is back', async () => {
    await startAgent()
    await until('the old backup is told', () => kinds('backup-late').includes('opened'))
    move(there, away)
    await until(
      'it is repeated twice',
      () => kinds('repository-unreachable').filter(one => one === 'repeated').length > 1,
    )
    // What can not be looked at is not over.
    expect(kinds('backup-late')).not.toContain('resolved')
    const { open, sinks } = await list()
    expect(open.map(({ code }) => code)).toEqual(
      expect.arrayContaining(['backup-late', 'repository-unreachable']),
    )
    expect(sinks.map(({ name, fault }) => [name, fault])).toEqual(
      ['hook', 'dba', 'oncall', 'switch'].map(name => [name, null]),
    )
    const status = await run('agent', 'status')
    expect(status.out).toMatch(/^CRITICAL {2}main: there is no folder/m)
    const metrics = await run('metrics')
    expect(metrics.out).toMatch(/^holdfast_alerts_open\{state="critical",cluster="plain"\} [1-9]/m)
    expect(metrics.out).toContain('holdfast_alert_sink_failing{sink="dba",kind="email",cluster="plain"} 0\n')
    move(away, there)
    await until('it is over', () => kinds('repository-unreachable').includes('resolved'))

    const [first, ...others] = hooked('repository-unreachable')
    expect(first).toMatchObject({
      kind: 'opened',
      state: 'critical',
      runbook: 'https://wiki.example.com/runbooks/repository-out-of-reach.md',
    })
    expect(others.every(({ alert }) => alert === first?.alert)).toBe(true)
    expect(others.at(-1)?.kind).toBe('resolved')
    await until(
      'the mail is there, too',
      () => mailed(/^Subject: \[holdfast\] RESOLVED plain: main: there is/m) > 0,
    )
    expect(mailed(/^Subject: \[holdfast\] CRITICAL plain: main: there is/m)).toBe(1)
    expect(mailed(/^Subject: \[holdfast\] STILL CRITICAL plain: main: there is/m)).toBeGreaterThan(0)
    const incident = http.received
      .filter(({ path }) => path === '/pagerduty')
      .map(({ body }) => JSON.parse(body) as object)
    expect(incident.at(0)).toMatchObject({
      event_action: 'trigger',
      routing_key: 'R0UT1NG',
      payload: { class: 'repository-unreachable' },
    })
    expect(incident.at(-1)).toMatchObject({
      event_action: 'resolve',
      dedup_key: `holdfast/plain/${String(first?.alert)}`,
    })
    expect(await list()).toMatchObject({ lookFault: null })
  })

  test('keeps what a sink does not take until it does, and says so', async () => {
    const before = hooked('repository-unreachable').length
    http.answer = path => (path === '/hook' ? { status: 503, body: 'not now' } : undefined)
    move(there, away)
    const failing = await until('it fails', async () =>
      (await list()).sinks.find(({ name, fault }) => name === 'hook' && fault !== null),
    )
    expect(failing).toMatchObject({ fault: expect.stringContaining('answered 503: not now') })
    expect(failing.waiting).toBeGreaterThan(0)
    http.answer = () => undefined
    await until('it is told', () => hooked('repository-unreachable').length > before)
    expect(hooked('repository-unreachable')[before]).toMatchObject({ kind: 'opened' })
    move(away, there)
    await until('it is over', () => kinds('repository-unreachable').at(-1) === 'resolved')
  })

  test('tells a new sink of what is open, and leaves out what somebody knows of', async () => {
    const [late] = (await list()).open.filter(({ code }) => code === 'backup-late')
    const acked = await run(
      'alerts',
      'ack',
      late!.id.slice(0, 6),
      '--for',
      '1h',
      '--reason',
      'on Friday',
      '--json',
    )
    expect(jsonOf<AgentAlerts>(acked).open.find(({ id }) => id === late?.id)).toMatchObject({
      ack: { reason: 'on Friday' },
    })
    const repeated = kinds('backup-late').length
    const others = kinds('nothing-restorable').length
    configure({
      hook: hook(),
      dba: email(),
      oncall,
      switch: ping,
      new: { command: { run: `cat >> ${join(folder, 'state', 'told')}` } },
    })
    await run('agent', 'reload')
    await until('the others are repeated', () => kinds('nothing-restorable').length > others + 1)
    expect(kinds('backup-late').length).toBeLessThanOrEqual(repeated + 1)
    const told = execFileSync('cat', [join(folder, 'state', 'told')], { encoding: 'utf8' })
    expect(told).toContain(`"alert":"${late!.id}","kind":"opened"`)
    const unknown = await run('alerts', 'ack', 'ffffffffff', '--json')
    expect(unknown.err).toContain('no open alert is')
  })

  test('may be killed at any moment: no alert is lost, and few are told twice', async () => {
    const rounds = 3
    const killed = async (): Promise<void> => {
      const momentMs = random.integer(0, 3000)
      const startedAt = performance.now()
      await until('the moment has come', () => performance.now() - startedAt > momentMs)
      agent.kill('SIGKILL')
      await agent.ended
      await startAgent()
    }
    const seenBefore = new Set(hooked('repository-unreachable').map(({ alert }) => alert))
    for (let round = 1; round <= rounds; round++) {
      const isNew = ({ alert }: Told): boolean => !seenBefore.has(alert)
      move(there, away)
      await killed()
      const opened = await until('it is told', () => hooked('repository-unreachable').find(isNew))
      expect(opened.kind).toBe('opened')
      move(away, there)
      await killed()
      await until('its end is told', () =>
        hooked('repository-unreachable').some(
          ({ alert, kind }) => alert === opened.alert && kind === 'resolved',
        ),
      )
      seenBefore.add(opened.alert)
    }
    const ids = hooked('repository-unreachable').map(({ id }) => id)
    expect(ids.length - new Set(ids).size).toBeLessThanOrEqual(2 * rounds)
    expect(hooked('backup-late').filter(({ kind }) => kind === 'resolved')).toEqual([])
  })

  test('calls the dead man’s switch as long as it lives, and no longer', async () => {
    const pings = (): number => http.received.filter(({ path }) => path === '/ping').length
    const before = pings()
    await until('it is called again and again', () => pings() > before + 2)
    agent.kill('SIGKILL')
    await agent.ended
    const last = pings()
    const endedAt = performance.now()
    await until('it would have called three times', () => performance.now() - endedAt > 4000)
    // One call may have been on its way.
    expect(pings()).toBeLessThanOrEqual(last + 1)
  })

  test('ends cleanly when it is told to', async () => {
    await startAgent()
    agent.kill('SIGTERM')
    const over = await agent.ended
    expect(over.status, describeRun(over)).toBe(0)
    expect((await run('alerts', 'list')).status).toBe(90)
  })
})
