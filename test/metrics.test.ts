/** Metrics as monitoring has them: a real server and its backups, judged by Prometheus' own program. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Sample } from '../src/policy/metrics/sample.ts'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { describeRun, type Running } from './support/holdfast.ts'
import { freePort } from './support/node-server.ts'
import { faultOf } from './support/restored-server.ts'
import { hasPromtool, promtool } from './support/promtool.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { until } from './support/until.ts'

let lab: Lab
let backup: BackupRecord

beforeAll(async () => {
  lab = await openLab({ major: 16, walSegmentSizeMb: 1 })
  await lab.server.query('CREATE TABLE t AS SELECT n FROM generate_series(1, 1000) n')
  backup = await lab.backup()
})

afterAll(async () => {
  await lab[Symbol.asyncDispose]()
})

/** Lines of Prometheus' format, by what stands before the value. */
function valuesIn(text: string): ReadonlyMap<string, number> {
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map(line => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  )
}

const ofFull = '{repository="main",kind="full",cluster="lab"}'

async function startAgent(config: string): Promise<Running> {
  const agent = lab.start(['--config', config, 'agent'])
  const ended = agent.ended.then(run => {
    throw new Error(`the agent ended: ${describeRun(run)}`)
  })
  ended.catch(() => undefined)
  const answers = async (): Promise<boolean> =>
    (await lab.run(['--config', config, 'agent', 'status'])).status === 0
  await Promise.race([ended, until('the agent answers', answers)])
  return agent
}

describe('holdfast metrics', () => {
  test('prints what is there as Prometheus reads it', async () => {
    const { out } = await lab.ok(['metrics'])
    const values = valuesIn(out)
    expect(values.get(`holdfast_backup_size_bytes${ofFull}`)).toBe(backup.sizes.storedBytes)
    expect(values.get(`holdfast_backup_duration_seconds${ofFull}`)).toBe(backup.durationMs / 1000)
    expect(values.get(`holdfast_backup_last_success_timestamp_seconds${ofFull}`)).toBe(
      Date.parse(backup.endedAt) / 1000,
    )
    expect(values.get('holdfast_repository_reachable{repository="main",cluster="lab"}')).toBe(1)
    expect(values.get('holdfast_wal_gaps{repository="main",cluster="lab"}')).toBe(0)
    expect(values.get('holdfast_server_reachable{cluster="lab"}')).toBe(1)
    expect(values.get('holdfast_wal_archived_segments_total{cluster="lab"}')).toBeGreaterThan(0)
    expect(values.get('holdfast_rpo_seconds{cluster="lab"}')).toBeGreaterThanOrEqual(0)
    if (hasPromtool) expect(promtool(['check', 'metrics'], out)).toBe('')
  })

  test('writes a file for collectors, readable for all and at once', async () => {
    const folder = lab.server.root
    const path = join(folder, 'holdfast.prom')
    expect((await lab.ok(['metrics', '--output', path])).out).toBe('')
    expect(statSync(path).mode & 0o777).toBe(0o644)
    expect(readdirSync(folder).filter(name => name.startsWith('holdfast.prom'))).toEqual(['holdfast.prom'])
    const before = readFileSync(path, 'utf8')
    const missing = await lab.run(['metrics', '--json', '--output', join(folder, 'not-there', 'x.prom')])
    expect(faultOf(missing).message).toContain('not-there/x.prom can not be written')
    expect(readFileSync(path, 'utf8')).toBe(before)
    expect(existsSync(join(folder, 'not-there'))).toBe(false)
  })

  test('of a repository that is away tells that it is, and succeeds', async () => {
    const config = lab.writeRepositoryConfig('away.yaml', { url: `file://${join(lab.server.root, 'away')}` })
    const { samples } = await lab.json<{ samples: readonly Sample[] }>(['--config', config, 'metrics'])
    const valueOf = (name: string): number | undefined => samples.find(one => one.name === name)?.value
    expect(valueOf('holdfast_repository_reachable')).toBe(0)
    expect(valueOf('holdfast_status_level')).toBe(3)
    expect(valueOf('holdfast_backups')).toBeUndefined()
  })
})

describe('the agent', () => {
  test('answers Prometheus, who brings the token, with what the repositories and its jobs tell', async () => {
    const { root } = lab.server
    const port = await freePort()
    lab.write(join(root, 'token'), 'let-me-in\n')
    const config = lab.writeConfig('agent.yaml', {
      agent: { state: join(root, 'agent'), socket: join(root, 'agent.sock') },
      jobs: { verify: 'yearly' },
      metrics: { listen: port, token: { file: 'token' }, every: '1h' },
    })
    const agent = await startAgent(config)
    const ask = (path: string, authorization = 'Bearer let-me-in'): Promise<Response> =>
      fetch(`http://127.0.0.1:${String(port)}${path}`, { headers: { authorization } })
    const scrape = async (): Promise<string> => (await ask('/metrics')).text()
    await until('it listens', async () => (await ask('/healthz').catch(() => undefined))?.status === 200)
    expect((await ask('/metrics', 'Bearer let-me-out')).status).toBe(401)
    await lab.ok(['--config', config, 'agent', 'run', 'verify'])
    await until('it has looked', async () => (await scrape()).includes(`holdfast_backups${ofFull} 1`))
    const text = await scrape()
    const values = valuesIn(text)
    const ofJob = '{job_name="verify",kind="verify",cluster="lab"}'
    expect(values.get(`holdfast_job_last_run_success${ofJob}`)).toBe(1)
    expect(values.get(`holdfast_job_next_start_timestamp_seconds${ofJob}`)).toBeGreaterThan(Date.now() / 1000)
    expect(values.get('holdfast_agent_look_success{cluster="lab"}')).toBe(1)
    if (hasPromtool) expect(promtool(['check', 'metrics'], text)).toBe('')
    const { out } = await lab.ok(['--config', config, 'metrics'])
    expect(valuesIn(out).get(`holdfast_job_last_run_success${ofJob}`)).toBe(1)
    agent.kill('SIGTERM')
    expect((await agent.ended).status).toBe(0)
    await expect(ask('/healthz')).rejects.toThrow()
  })
})
