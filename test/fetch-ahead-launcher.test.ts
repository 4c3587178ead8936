/**
 * bin/holdfast hands over by itself what was fetched ahead. It may do so only from the spool of the very same archive, while
 * who fills it lives; all else is Node's. With a Node that can not be run, 0 is the shell's own answer and 126 is that it
 * asked for Node.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { launcherContext } from '../src/operations/launcher-context.ts'
import { readWanted, writeLauncher } from '../src/operations/wal-spool.ts'
import { startHoldfast, type Run } from './support/holdfast.ts'
import { serverUser } from './support/postgres-binaries.ts'
import { until } from './support/until.ts'

const segment = '00000001000000000000000A'
const destination = 'pg_wal/RECOVERYXLOG'
const [taken, asked] = [0, 126]
const user = serverUser()
let root: string
let data: string
let config: string
let spool: string
let fetcher: ChildProcess

beforeAll(() => {
  // Everything that a shell could stumble over.
  root = mkdtempSync(join(tmpdir(), 'holdfast fetcher\'s $HOME * "test" \n'))
})

afterAll(() => rmSync(root, { recursive: true }))

beforeEach(async () => {
  data = mkdtempSync(join(root, 'data '))
  config = join(data, 'a config.yaml')
  spool = join(data, 'pg_wal/holdfast-ahead/0123456789abcdef')
  mkdirSync(spool, { recursive: true, mode: 0o700 })
  writeFileSync(config, 'cluster: lab')
  writeFileSync(join(spool, segment), 'WAL')
  own(root)
  fetcher = spawn('sleep', ['60'], { ...ids(), stdio: 'ignore' })
  await offer()
})

afterEach(() => {
  fetcher.kill()
})

const ids = (): { uid: number; gid: number } => ({ uid: user.uid, gid: user.gid })

/** Not of what stays as it is: to change the owner changes the stamp of a file. */
function own(path: string): void {
  execFileSync('chown', ['-R', `${String(user.uid)}:${String(user.gid)}`, path])
}

/** As the fetching process does it; it is the `sleep` here. */
async function offer(words: readonly string[] = []): Promise<void> {
  const context = await launcherContext(config, {})
  await writeLauncher(spool, words, context!)
  const path = join(spool, 'launcher')
  writeFileSync(path, readFileSync(path, 'utf8').replace(/^\d+/, String(fetcher.pid)))
  own(spool)
}

function call(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Run> {
  return startHoldfast(args, { cwd: data, environment: { HOLDFAST_NODE: '/bin/false', ...environment } })
    .ended
}

const get = async (words: readonly string[] = [], environment = {}): Promise<number> =>
  (await call(['--config', config, 'wal', 'get', ...words, segment, destination], environment)).status

describe('the launcher hands over a segment', () => {
  test('that was fetched, says nothing, and tells the fetching process which one it was', async () => {
    const run = await call(['--config', config, 'wal', 'get', segment, destination])
    expect([run.status, run.out, run.err]).toEqual([taken, '', ''])
    expect(readFileSync(join(data, destination), 'utf8')).toBe('WAL')
    expect(existsSync(join(spool, segment))).toBe(false)
    expect(await readWanted(spool)).toBe(segment)
    expect(await get(), 'once').toBe(asked)
  })

  test('for the restore_command that a restore writes', async () => {
    const words = ['--require-through', '00000001000000000000000F', '--allow-partial', '--repository', 'main']
    await offer(['--repository', 'main'])
    expect(await get(words)).toBe(taken)
  })

  test('with the configuration from the environment', async () => {
    const words = ['wal', 'get', segment, join(data, destination)]
    expect((await call(words, { HOLDFAST_CONFIG: config })).status).toBe(taken)
  })

  test('when it waited for it', async () => {
    rmSync(join(spool, segment))
    writeFileSync(join(spool, `${segment}.part`), 'WA')
    own(spool)
    const running = get()
    await until('it says what it wants', async () => (await readWanted(spool)) === segment)
    expect(existsSync(join(data, destination))).toBe(false)
    writeFileSync(join(spool, segment), 'WAL')
    expect(await running).toBe(taken)
  })
})

describe('the launcher asks Node', () => {
  test.each([
    ['another repository is named', ['--repository', 'second']],
    ['one is left out', ['--without', 'main']],
    ['an earlier time is meant', ['--as-of', '2026-11-30T00:00:00.000Z']],
    ['an option is not known', ['--json']],
    ['too little is said', ['--require-through']],
  ])('when %s', async (_what, words) => {
    expect(await get(words)).toBe(asked)
    expect(existsSync(join(spool, segment))).toBe(true)
  })

  test('for what is no segment, and for a file that somebody else asks for', async () => {
    for (const words of [
      ['00000002.history', destination],
      [`${segment}.partial`, destination],
      ['../../../etc/passwd', destination],
      [segment, 'pg_wal/other'],
      [segment, 'RECOVERYXLOG'],
      [segment],
      [],
    ])
      expect((await call(['--config', config, 'wal', 'get', ...words])).status, words.join(' ')).toBe(asked)
  })

  test('when the configuration was changed, the environment leads elsewhere, or the host was started again', async () => {
    expect(await get([], { AWS_PROFILE: 'other' })).toBe(asked)
    const path = join(spool, 'launcher')
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.replace(/[0-9a-f]{8}-[0-9a-f]{4}/, '00000000-0000'))
    expect(await get()).toBe(asked)
    writeFileSync(path, text)
    writeFileSync(config, readFileSync(config))
    expect(await get()).toBe(asked)
  })

  test('when who fetches is gone, or has something to tell', async () => {
    writeFileSync(join(spool, `${segment}.notes`), 'main was damaged')
    own(spool)
    expect(await get()).toBe(asked)
    rmSync(join(spool, `${segment}.notes`))
    const ended = new Promise(resolve => fetcher.once('exit', resolve))
    fetcher.kill()
    await ended
    expect(await get()).toBe(asked)
  })

  test('in a copy of the data directory, however faithful', async () => {
    const copy = `${data} copy`
    execFileSync('cp', ['-a', data, copy])
    const words = ['--config', config, 'wal', 'get', segment, join(copy, destination)]
    expect((await call(words)).status).toBe(asked)
  })

  test('for an offer that is cut off, empty, or no file', async () => {
    const path = join(spool, 'launcher')
    const text = readFileSync(path, 'utf8')
    for (const bad of ['', text.slice(0, -1), text.slice(0, 20)]) {
      writeFileSync(path, bad)
      expect(await get(), bad).toBe(asked)
    }
    rmSync(path)
    mkdirSync(path)
    expect(await get()).toBe(asked)
  })
})
