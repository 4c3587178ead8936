/**
 * bin/holdfast tells by itself that a segment is stored. It may do so only for the very file that the proof names; all
 * else is Node's to find out. With a Node that can not be run, 0 is the shell's own answer and 126 is that it asked for Node.
 */
import { execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { systemWorld } from '../src/base/world.ts'
import { stampOf } from '../src/operations/launcher-context.ts'
import { openPushedSpool, type PushedSpool } from '../src/operations/wal-push/pushed-spool.ts'
import { startHoldfast, type Run } from './support/holdfast.ts'
import { serverUser } from './support/postgres-binaries.ts'

const { clock } = systemWorld()
const segment = '000000010000000000000007'
const [told, asked] = [0, 126]
let root: string
let data: string
let config: string

beforeAll(() => {
  // Everything that a shell could stumble over.
  root = mkdtempSync(join(tmpdir(), 'holdfast launcher\'s $HOME * "test" \n'))
})

afterAll(() => rmSync(root, { recursive: true }))

beforeEach(async () => {
  data = mkdtempSync(join(root, 'data '))
  config = join(data, 'a config.yaml')
  mkdirSync(join(data, 'pg_wal'))
  writeFileSync(join(data, 'pg_wal', segment), 'WAL')
  writeFileSync(config, 'cluster: lab')
  own()
})

function own(): void {
  const { uid, gid } = serverUser()
  execFileSync('chown', ['-R', `${String(uid)}:${String(gid)}`, root])
}

async function spool(
  path = config,
  environment: Readonly<Record<string, string>> = {},
): Promise<PushedSpool> {
  const opened = await openPushedSpool(join(data, 'pg_wal'), path, { environment, clock })
  return opened!
}

/** As the pushing process does it. */
async function tell(opened?: PushedSpool): Promise<void> {
  const path = join(data, 'pg_wal', segment)
  const at = opened ?? (await spool())
  mkdirSync(at.folder, { recursive: true, mode: 0o700 })
  at.writePushed(path, segment, stampOf(path)!)
  const { uid, gid } = serverUser()
  execFileSync('chown', ['-R', `${String(uid)}:${String(gid)}`, join(data, 'pg_wal/holdfast-pushed')])
}

function call(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Run> {
  return startHoldfast(args, { cwd: data, environment: { HOLDFAST_NODE: '/bin/false', ...environment } })
    .ended
}

const push = async (environment: Readonly<Record<string, string>> = {}): Promise<number> =>
  (await call(['--config', config, 'wal', 'push', `pg_wal/${segment}`], environment)).status

describe('the launcher tells that a segment is stored', () => {
  test('when the proof names it, and says nothing', async () => {
    expect(await push()).toBe(asked)
    await tell()
    const run = await call(['--config', config, 'wal', 'push', `pg_wal/${segment}`])
    expect([run.status, run.out, run.err]).toEqual([told, '', ''])
  })

  test('with an absolute path, and with the configuration from the environment or the working directory', async () => {
    await tell()
    expect((await call(['--config', config, 'wal', 'push', join(data, 'pg_wal', segment)])).status).toBe(told)
    const words = ['wal', 'push', `pg_wal/${segment}`]
    expect((await call(words, { HOLDFAST_CONFIG: config })).status).toBe(told)
    writeFileSync(join(data, 'holdfast.yaml'), 'cluster: lab')
    expect((await call(words)).status).toBe(asked)
    await tell(await spool(join(data, 'holdfast.yaml')))
    expect((await call(words)).status).toBe(told)
  })

  test('when it waited for it', async () => {
    const { uid, gid } = serverUser()
    const pusher = spawn('sleep', ['60'], { uid, gid, stdio: 'ignore' })
    const opened = await spool()
    await tell(opened)
    const [proof, later] = [join(opened.folder, `${segment}.pushed`), join(opened.folder, 'later')]
    renameSync(proof, later)
    opened.claim(segment)
    writeFileSync(join(opened.folder, 'lock'), `${String(pusher.pid)}\n{}`, { mode: 0o644 })
    const running = push()
    const early = await Promise.race([running, clock.sleep(300, new AbortController().signal)])
    expect(early, 'it waits').toBeUndefined()
    renameSync(later, proof)
    opened.release(segment)
    expect(await running).toBe(told)
    pusher.kill()
  })
})

describe('the launcher asks Node', () => {
  test('for everything that is not said plainly', async () => {
    await tell()
    const path = `pg_wal/${segment}`
    for (const words of [
      ['-v', 'wal', 'push', path],
      ['--json', '--config', config, 'wal', 'push', path],
      ['--config', config, 'wal', 'push', '--repository', 'main', path],
      ['--config', config, 'wal', 'push', path, '--json'],
      ['--config', config, 'wal', 'get', path],
      ['--config', config, 'wal push', path, ''],
      [`--config=${config}`, 'wal', 'push', path],
      ['--config', config, 'wal', 'push', `pg_wal/../pg_wal/${segment}/`],
      ['--config', config, 'wal', 'push', segment],
      ['--config', config, 'wal', 'push', 'pg_wal/000000010000000000000008'],
      ['--config', config, 'wal', 'push', 'pg_wal/'],
      ['--config', '', 'wal', 'push', path],
      [],
    ]) {
      expect((await call(words)).status, words.join(' ')).toBe(asked)
    }
  })

  test('for a segment that was recycled: other bytes under the name, or the same file under another', async () => {
    await tell()
    const path = join(data, 'pg_wal', segment)
    writeFileSync(join(data, 'pg_wal', 'other'), 'WAL')
    renameSync(join(data, 'pg_wal', 'other'), path)
    own()
    expect(await push()).toBe(asked)
    await tell()
    expect(await push()).toBe(told)
    writeFileSync(path, 'LAW')
    expect(await push()).toBe(asked)
    await tell()
    renameSync(path, join(data, 'pg_wal', 'elsewhere'))
    renameSync(join(data, 'pg_wal', 'elsewhere'), path)
    expect(await push(), 'a rename is seen, too').toBe(asked)
  })

  test('in a copy of the data directory, however faithful', async () => {
    await tell()
    const copy = `${data} copy`
    execFileSync('cp', ['-a', data, copy])
    const words = (at: string): string[] => ['--config', config, 'wal', 'push', join(at, 'pg_wal', segment)]
    expect((await call(words(data))).status).toBe(told)
    expect((await call(words(copy))).status).toBe(asked)
  })

  test('when the configuration was changed, or is another one with the same text', async () => {
    await tell()
    const other = join(data, 'other.yaml')
    cpSync(config, other, { preserveTimestamps: true })
    own()
    await tell()
    expect((await call(['--config', other, 'wal', 'push', `pg_wal/${segment}`])).status).toBe(asked)
    writeFileSync(config, readFileSync(config))
    expect(await push()).toBe(asked)
  })

  test('when the environment leads elsewhere, or the host has been started again', async () => {
    await tell()
    expect(await push({ AWS_PROFILE: 'other' })).toBe(asked)
    expect(await push({ AWS_ENDPOINT_URL_S3: 'http://other' })).toBe(asked)
    const opened = await spool()
    const proof = join(opened.folder, `${segment}.pushed`)
    const text = readFileSync(proof, 'utf8')
    writeFileSync(proof, text.replace(/[0-9a-f]{8}-[0-9a-f]{4}/, '00000000-0000'))
    expect(await push()).toBe(asked)
    await tell(await spool(config, { AWS_PROFILE: 'other' }))
    expect(await push({ AWS_PROFILE: 'other' })).toBe(told)
  })

  test('for a proof that is cut off, empty, or no file, and for a spool of somebody else', async () => {
    await tell()
    const { folder } = await spool()
    const proof = join(folder, `${segment}.pushed`)
    const text = readFileSync(proof, 'utf8')
    for (const bad of ['', text.slice(0, -1), text.slice(0, 20), `${text}\n`.replace('|', '')]) {
      writeFileSync(proof, bad)
      expect(await push(), bad).toBe(asked)
    }
    writeFileSync(proof, text)
    expect(await push()).toBe(told)
    rmSync(proof)
    mkdirSync(proof)
    expect(await push()).toBe(asked)
    rmSync(proof, { recursive: true })
    await tell()
    if (process.getuid?.() === 0 && serverUser().uid !== 0) {
      execFileSync('chown', ['root', join(data, 'pg_wal/holdfast-pushed')])
      execFileSync('chmod', ['a+rx', join(data, 'pg_wal/holdfast-pushed')])
      expect(await push()).toBe(asked)
    }
  })

  test('when the process that pushes has died, without waiting for it', async () => {
    const opened = await spool()
    await opened.takeLock()
    opened.claim(segment)
    writeFileSync(join(opened.folder, 'lock'), '2147483646\n{}')
    own()
    const run = await call(['--config', config, 'wal', 'push', `pg_wal/${segment}`])
    expect(run.status).toBe(asked)
    expect(run.durationMs).toBeLessThan(1_500)
  })
})
