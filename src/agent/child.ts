/**
 * Runs of this program as processes of their own, which outlive an agent that is killed.
 *
 *     runs/<name>.<when>/pid     who runs it: pid, start, boot, namespace
 *                       out, err what it said
 *                       exit     its status, when it has ended
 *
 * A small shell stands between, since somebody must write down the status when the agent is gone. Whoever makes `pid` owns
 * the run: a shell that comes too late to an agent that gave it up does not begin.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdir, open, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, messageOf } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { isProvablyDead, type ProcessIdentity } from '../base/process-identity.ts'
import type { Clock } from '../base/world.ts'

export interface RunEnd {
  /** Undefined: nobody knows. Above 128: ended by a signal. */
  readonly exit: number | undefined
  readonly out: string
  readonly err: string
}

export interface Child {
  readonly pid: number | undefined
  /** Never rejects. */
  readonly ended: Promise<RunEnd>
  /** To the program and all that it started. */
  signal(name: 'SIGTERM' | 'SIGKILL'): void
}

export interface Launch {
  /** `<state>/runs` */
  readonly runsFolder: string
  readonly name: string
  readonly startedMs: number
}

const shell = `
set -C
{ printf '%s %s %s %s\\n' "$$" "$(cut -d' ' -f22 "/proc/$$/stat")" "$(cat /proc/sys/kernel/random/boot_id)" \\
  "$(readlink /proc/self/ns/pid | tr -dc 0-9)" >pid.new && ln pid.new pid && rm pid.new; } 2>/dev/null || exit 97
set +C
trap : TERM INT HUP
"$@" </dev/null >"\${HOLDFAST_RUN_OUT:-out}" 2>>err
status=$?
echo "$status" >exit.new && mv exit.new exit
exit "$status"
`

export async function startChild(
  { runsFolder, name, startedMs }: Launch,
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Child> {
  await forgetRuns(runsFolder, name)
  const folder = join(runsFolder, `${name}.${String(startedMs)}`)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const child = spawn('/bin/sh', ['-c', shell, 'holdfast-run', ...words], {
    cwd: folder,
    detached: true,
    stdio: 'ignore',
    env: environment,
  })
  child.unref()
  const ended = exitOf(child).then(status => endOf(folder, status))
  return { pid: child.pid, ended, signal: signal => signalGroup(child.pid, signal) }
}

/** A run that an agent before this one started: to be waited for, or known to have ended. */
export async function findChild({ runsFolder, name, startedMs }: Launch, clock: Clock): Promise<Child> {
  const folder = join(runsFolder, `${name}.${String(startedMs)}`)
  const owner = await ownerOf(folder)
  const ended = owner ? waitFor(owner, clock).then(() => endOf(folder, undefined)) : endOf(folder, undefined)
  return { pid: owner?.pid, ended, signal: signal => signalGroup(owner?.pid, signal) }
}

/** No process, no folder: as if it had failed at once. */
export function unstarted(error: unknown): Child {
  const ended = Promise.resolve({ exit: 1, out: '', err: `it could not be started: ${messageOf(error)}` })
  return { pid: undefined, ended, signal: () => undefined }
}

/** Where a program's folder lies until the next run of the same name. */
async function forgetRuns(runsFolder: string, name: string): Promise<void> {
  for (const entry of await readdir(runsFolder))
    if (entry.startsWith(`${name}.`)) await rm(join(runsFolder, entry), { recursive: true, force: true })
}

function exitOf(child: ChildProcess): Promise<number | undefined> {
  return new Promise(resolve => {
    child.once('error', () => resolve(undefined))
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGKILL' ? 137 : undefined)))
  })
}

/** Undefined when the run never began; then it never will. */
async function ownerOf(folder: string): Promise<ProcessIdentity | undefined> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await writeFile(join(folder, 'pid'), 'given up\n', { flag: 'wx' })
    return undefined
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
  const [pid, startTicks = '', bootId = '', pidNamespace = ''] = (await readFile(join(folder, 'pid'), 'utf8'))
    .trim()
    .split(' ')
  const number = Number(pid)
  return Number.isInteger(number) && number > 1
    ? { pid: number, startTicks, bootId, pidNamespace }
    : undefined
}

async function waitFor(owner: ProcessIdentity, clock: Clock): Promise<void> {
  const never = new AbortController().signal
  while (!(await isProvablyDead(owner))) {
    // After a restart of the machine its number means another process, or none.
    if (await isOfAnotherBoot(owner)) return
    await clock.sleep(limits.jobPollMs, never)
  }
}

async function isOfAnotherBoot({ bootId }: ProcessIdentity): Promise<boolean> {
  const now = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
  return now !== '' && now.trim() !== bootId
}

async function endOf(folder: string, status: number | undefined): Promise<RunEnd> {
  const written = await readFile(join(folder, 'exit'), 'utf8').catch(() => undefined)
  const exit = status ?? (written === undefined ? undefined : Number(written))
  return { exit, out: await tail(join(folder, 'out')), err: await tail(join(folder, 'err')) }
}

async function tail(path: string): Promise<string> {
  try {
    const file = await open(path)
    try {
      const { size } = await file.stat()
      const length = Math.min(size, limits.programErrorBytesMax)
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length)
      return buffer.toString('utf8', 0, bytesRead)
    } finally {
      await file.close()
    }
  } catch {
    return ''
  }
}

function signalGroup(pid: number | undefined, name: NodeJS.Signals): void {
  if (pid === undefined || pid <= 1) return
  try {
    process.kill(-pid, name)
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}
