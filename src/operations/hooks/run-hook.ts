/** Runs a hook: in a process group of its own, which ends with it, in the time that it has; what it says is kept within bounds. */
import { spawn, type ChildProcess } from 'node:child_process'
import { errnoOf, messageOf } from '../../base/fault.ts'
import { hookLimits } from './limits.ts'
import { formatDuration } from '../../base/units.ts'
import type { Clock } from '../../base/world.ts'

export interface HookCall {
  /** A list: a program and its words, without a shell. A text: for the shell. */
  readonly run: readonly string[] | string
  readonly timeLimitMs: number
  readonly environment: Readonly<Record<string, string | undefined>>
}

export interface HookEnd {
  /** Undefined: it went well. Else why not, in a few words. */
  readonly failure: string | undefined
  readonly exit: number | undefined
  readonly durationMs: number
  /** The end of what it said. */
  readonly said: string
}

/** Never throws: that it could not be started is how it ended. */
export async function runHook(call: HookCall, clock: Clock, signal: AbortSignal): Promise<HookEnd> {
  const begunMs = clock.monotonicMs()
  const [program = '', ...words] = typeof call.run === 'string' ? ['/bin/sh', '-c', call.run] : call.run
  let child: ChildProcess
  try {
    signal.throwIfAborted()
    child = spawn(program, words, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: '/',
      env: { ...call.environment },
    })
  } catch (error) {
    return { failure: messageOf(error), exit: undefined, durationMs: 0, said: '' }
  }
  const said = keepEnd(child)
  const done = new AbortController()
  let stopped: string | undefined
  const stop = async (why: string): Promise<void> => {
    stopped ??= why
    killGroup(child, 'SIGTERM')
    await clock.sleep(hookLimits.stopMsMax, done.signal).catch(() => undefined)
    killGroup(child, 'SIGKILL')
  }
  const onAbort = (): void => void stop('the operation was stopped')
  signal.addEventListener('abort', onAbort, { once: true })
  void clock.sleep(call.timeLimitMs, done.signal).then(
    () => stop(`it took longer than ${formatDuration(call.timeLimitMs)}`),
    () => undefined,
  )
  const end = await endOf(child, clock)
  done.abort()
  signal.removeEventListener('abort', onAbort)
  // What it left running in the background ends with it.
  if (stopped !== undefined) killGroup(child, 'SIGKILL')
  return {
    exit: end.exit,
    failure: stopped ?? end.failure,
    durationMs: clock.monotonicMs() - begunMs,
    said: said(),
  }
}

interface ProcessEnd {
  readonly exit: number | undefined
  readonly failure: string | undefined
}

/** What it has started in the background may hold the pipes open for ever: after its end they have a moment to be read. */
async function endOf(child: ChildProcess, clock: Clock): Promise<ProcessEnd> {
  const closed = new Promise<void>(resolve => child.once('close', () => resolve()))
  const end = await new Promise<ProcessEnd>(resolve => {
    child.once('error', error => {
      resolve({ exit: undefined, failure: `it could not be started: ${messageOf(error)}` })
    })
    child.once('exit', (code, name) => {
      if (code === 0) resolve({ exit: 0, failure: undefined })
      else if (code === null) resolve({ exit: undefined, failure: `it was ended by ${name ?? 'a signal'}` })
      else resolve({ exit: code, failure: `it ended with exit status ${String(code)}` })
    })
  })
  const read = new AbortController()
  const moment = clock.sleep(hookLimits.pipeMsMax, read.signal).catch(() => undefined)
  await Promise.race([closed, moment])
  read.abort()
  child.stdout?.destroy()
  child.stderr?.destroy()
  return end
}

function keepEnd(child: ChildProcess): () => string {
  let kept = ''
  for (const pipe of [child.stdout, child.stderr]) {
    pipe?.setEncoding('utf8')
    pipe?.on('data', (text: string) => {
      kept = (kept + text).slice(-hookLimits.saidCharsMax)
    })
  }
  return () => kept.trim()
}

function killGroup({ pid }: ChildProcess, name: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, name)
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}
