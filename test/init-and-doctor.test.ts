/** `init` and `doctor` as a user meets them, on a server that knows nothing of Holdfast yet. */
import { chmodSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { describeRun, jsonOf, startHoldfast, type Run } from './support/holdfast.ts'
import { makeOwned, startServer, type TestServer } from './support/postgres-server.ts'

let server: TestServer
let home: string

beforeAll(async () => {
  server = await startServer({ major: 16 })
  home = join(server.root, 'holdfast')
  mkdirSync(home)
  makeOwned(home)
})

afterAll(() => server.remove())

const configPath = (): string => join(home, 'holdfast.yaml')

async function holdfast(...args: readonly string[]): Promise<Run> {
  return startHoldfast(['--config', configPath(), ...args]).ended
}

async function init(...args: readonly string[]): Promise<Run> {
  const answers = [
    '--cluster',
    'gathr',
    '--connection',
    server.connectionString,
    '--repository',
    join(home, 'repository'),
  ]
  return holdfast('init', ...answers, ...args)
}

interface Examination {
  readonly isHealthy: boolean
  readonly findings: readonly {
    readonly area: string
    readonly state: string
    readonly message: string
    readonly fix?: string
  }[]
}

async function examine(): Promise<Examination & { readonly status: number }> {
  const run = await holdfast('doctor', '--json')
  return { ...jsonOf<Examination>(run), status: run.status }
}

async function toChange(): Promise<readonly string[]> {
  const { findings } = await examine()
  return findings.filter(({ state }) => state === 'problem').map(({ message }) => message)
}

describe('init', () => {
  test('without a server makes nothing', async () => {
    const run = await holdfast(
      'init',
      '--connection',
      'host=/nowhere',
      '--repository',
      join(home, 'repository'),
      '--yes',
    )
    expect(run.status, describeRun(run)).toBe(40)
    expect(readdirSync(home)).toEqual([])
  })

  test('refuses an answer that is no good, and makes nothing', async () => {
    const run = await holdfast(
      'init',
      '--cluster',
      'My Cluster',
      '--connection',
      server.connectionString,
      '--repository',
      '/x',
      '--yes',
    )
    expect(run.status, describeRun(run)).toBe(2)
    expect(run.err).toMatch(/cluster is not a name/)
    expect(readdirSync(home)).toEqual([])
  })

  test('makes key, configuration and repository, and shows the recovery sheet', async () => {
    const run = await init('--yes')
    expect(run.status, describeRun(run)).toBe(0)
    const identity = /^AGE-SECRET-KEY-1\w+$/m.exec(readFileSync(join(home, 'identity.txt'), 'utf8'))?.[0]
    expect(run.out).toContain(`SECRET KEY   ${identity ?? '?'}`)
    expect(statSync(join(home, 'identity.txt')).mode & 0o777).toBe(0o600)
    expect(readdirSync(join(home, 'repository')).toSorted()).toContain('holdfast.json')
    expect(run.out).toContain("archive_mode = 'on'")
  })

  test('run again is harmless, and does not show the key', async () => {
    const before = readFileSync(configPath(), 'utf8')
    const run = await holdfast('init', '--yes')
    expect(run.status, describeRun(run)).toBe(0)
    expect(run.out).not.toContain('AGE-SECRET-KEY')
    expect(readFileSync(configPath(), 'utf8')).toBe(before)
  })

  test('with the same answers again is harmless; with another one it is refused', async () => {
    const same = await init('--yes')
    expect(same.status, describeRun(same)).toBe(0)
    const other = await holdfast('init', '--cluster', 'other', '--yes')
    expect(other.status, describeRun(other)).toBe(2)
    expect(other.err).toMatch(/there is a configuration already, and it says otherwise than --cluster/)
  })

  test('goes on where it was interrupted: after the key, or after the configuration', async () => {
    const key = readFileSync(join(home, 'identity.txt'), 'utf8')
    rmSync(join(home, 'repository'), { recursive: true })
    rmSync(configPath())
    const again = await init('--yes')
    expect(again.status, describeRun(again)).toBe(0)
    expect(readFileSync(join(home, 'identity.txt'), 'utf8')).toBe(key)
    rmSync(join(home, 'repository'), { recursive: true })
    const third = await holdfast('init', '--yes')
    expect(third.status, describeRun(third)).toBe(0)
    expect(readdirSync(join(home, 'repository'))).toContain('holdfast.json')
  })

  test('--json never prints the secret key', async () => {
    rmSync(configPath())
    rmSync(join(home, 'identity.txt'))
    const run = await init('--yes', '--json')
    expect(run.status, describeRun(run)).toBe(0)
    expect(run.out + run.err).not.toContain('AGE-SECRET-KEY')
    expect(jsonOf<object>(run)).toMatchObject({
      made: true,
      cluster: 'gathr',
      recipient: expect.stringMatching(/^age1/) as string,
    })
  })

  test('--apply sets the settings, and says that a restart is needed', async () => {
    const run = await holdfast('init', '--apply', '--yes')
    expect(run.status, describeRun(run)).toBe(0)
    expect(run.out).toMatch(/RESTART the server: archive_mode/)
    await server.restart()
    expect(await server.value('SHOW archive_mode')).toBe('on')
    const after = await holdfast('init', '--yes')
    expect(after.out).toContain('PostgreSQL is set up as it should be.')
  })
})

describe('doctor', () => {
  test('finds nothing to change after init and a restart', async () => {
    await server.query('SELECT pg_switch_wal()')
    const { status, findings } = await examine()
    expect(findings.filter(({ state }) => state === 'problem')).toEqual([])
    expect(status).toBe(0)
    expect(new Set(findings.map(({ area }) => area))).toEqual(
      new Set(['configuration', 'server', 'archiving', 'data', 'storage', 'keys', 'clock', 'tools', 'audit']),
    )
  })

  test('leaves nothing behind in the repository', () => {
    expect(readdirSync(join(home, 'repository', 'gathr')).filter(name => name.startsWith('probe'))).toEqual(
      [],
    )
  })

  test('finds a secret key that others can read', async () => {
    chmodSync(join(home, 'identity.txt'), 0o644)
    expect(await toChange()).toEqual([
      expect.stringMatching(/identity\.txt holds the secret key, and others may read it/),
    ])
    chmodSync(join(home, 'identity.txt'), 0o600)
  })

  test('finds an identity that does not fit the recipients', async () => {
    const path = join(home, 'identity.txt')
    const right = readFileSync(path, 'utf8')
    // The key of the age specification's own test vectors.
    writeFileSync(path, 'AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0\n')
    const { status, findings } = await examine()
    writeFileSync(path, right)
    expect(findings.filter(({ state }) => state === 'problem').map(({ area }) => area)).toEqual(['keys'])
    expect(status).toBe(60)
  })

  test('finds a repository that is not there', async () => {
    const text = readFileSync(configPath(), 'utf8')
    writeFileSync(configPath(), text.replace(join(home, 'repository'), join(home, 'unmounted')))
    expect(await toChange()).toHaveLength(1)
    writeFileSync(configPath(), text)
  })

  test('finds what only this shell has and PostgreSQL has not', async () => {
    const config = parse(readFileSync(configPath(), 'utf8')) as { repositories: object }
    const credentials = { access_key_id: '${BACKUP_KEY_ID}', secret_access_key: { file: 'secret' } }
    const second = { url: 's3://bucket/pg', encryption: 'none', credentials }
    const path = join(home, 'two.yaml')
    writeFileSync(path, stringify({ ...config, repositories: { ...config.repositories, second } }))
    const args = ['--config', path, 'doctor', '--repository', 'main', '--json']
    const run = await startHoldfast(args, { environment: { BACKUP_KEY_ID: 'hush' } }).ended
    rmSync(path)
    const problems = jsonOf<Examination>(run).findings.filter(({ state }) => state === 'problem')
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^BACKUP_KEY_ID, which repositories\.second asks for, is set here and not in PostgreSQL's environment \(process \d+\)/,
      ),
    ])
    expect(run.out).not.toContain('hush')
  })

  test('finds that archiving fails', async () => {
    await server.query(`ALTER SYSTEM SET archive_command = 'false'`)
    await server.query('SELECT pg_reload_conf()')
    await server.query('CREATE TABLE some_wal AS SELECT 1')
    await server.query('SELECT pg_switch_wal()')
    await expect
      .poll(() => server.value('SELECT failed_count FROM pg_stat_archiver'), { timeout: 20_000 })
      .not.toBe('0')
    expect(await toChange()).toEqual([expect.stringMatching(/archiving fails/)])
    await server.query('ALTER SYSTEM RESET archive_command')
  })

  test('still looks at the rest when the server is down', async () => {
    await server.stop()
    const { findings, status } = await examine()
    await server.start()
    expect(status).toBe(60)
    expect(findings.filter(({ state }) => state === 'problem').map(({ area }) => area)).toEqual(['server'])
    expect(findings.some(({ area, state }) => area === 'storage' && state === 'ok')).toBe(true)
  })
})
