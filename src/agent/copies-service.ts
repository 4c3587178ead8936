/** Keeps the copies of repositories up to date: `copy --watch` as a process that is started again when it ends. */
import { readdir, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { startedByVariable } from '../audit/who.ts'
import { limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import type { Clock } from '../base/world.ts'
import { findChild, startChild, unstarted, type Child } from './child.ts'

const name = '_copies'

export interface ServiceDeps {
  readonly clock: Clock
  readonly log: Log
  readonly folder: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly lineOf: (command: readonly string[]) => Promise<readonly string[]>
}

/** Until the signal; then its process has ended, too. */
export async function keepCopying(deps: ServiceDeps, signal: AbortSignal): Promise<void> {
  const { clock, log } = deps
  const runsFolder = join(deps.folder, 'runs')
  let pauseMs = limits.servicePauseMsFirst
  while (!signal.aborted) {
    const line = await deps.lineOf(['copy', '--watch'])
    const startedMs = clock.now()
    const environment = {
      ...deps.environment,
      HOLDFAST_RUN_OUT: '/dev/null',
      [startedByVariable]: 'agent:copies',
    }
    const child = await startChild({ runsFolder, name, startedMs }, line, environment).catch(unstarted)
    log.info('copies.started', { pid: child.pid })
    const keeping = new AbortController()
    const trimming = keepShort(join(runsFolder, `${name}.${String(startedMs)}`, 'err'), clock, keeping.signal)
    const { exit, err } = await endIn(child, clock, signal)
    keeping.abort()
    await trimming
    if (isOver(signal)) return
    if (clock.now() - startedMs > limits.servicePauseMsMax) pauseMs = limits.servicePauseMsFirst
    log.warn('copies.ended', { exit, pauseMs, message: err.trim().split('\n').at(-1) })
    await clock.sleep(pauseMs, signal).catch(() => undefined)
    pauseMs = Math.min(2 * pauseMs, limits.servicePauseMsMax)
  }
}

/** Asked anew: it changes while something is awaited. */
export const isOver = (signal: AbortSignal): boolean => signal.aborted

/** What an agent that was killed left running: two would do the same work. */
export async function endLeftCopying({ folder, clock, log }: ServiceDeps): Promise<void> {
  const runsFolder = join(folder, 'runs')
  for (const entry of await readdir(runsFolder)) {
    if (!entry.startsWith(`${name}.`)) continue
    const child = await findChild(
      { runsFolder, name, startedMs: Number(entry.slice(name.length + 1)) },
      clock,
    )
    if (child.pid === undefined) continue
    log.info('copies.found', { pid: child.pid })
    const gone = new AbortController()
    gone.abort()
    await endIn(child, clock, gone.signal)
  }
}

/** Once it is told to stop it gets so much time, and no more. */
export async function endIn(
  child: Child,
  clock: Clock,
  signal: AbortSignal,
): Promise<Awaited<Child['ended']>> {
  const done = new AbortController()
  const kill = async (): Promise<void> => {
    child.signal('SIGTERM')
    await clock.sleep(limits.jobCleanUpMsMax, done.signal).then(
      () => child.signal('SIGKILL'),
      () => undefined,
    )
  }
  const onAbort = (): void => void kill()
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  const end = await child.ended
  done.abort()
  signal.removeEventListener('abort', onAbort)
  return end
}

/** What it says in a month of outages must not fill a disk. */
async function keepShort(path: string, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(limits.serviceTrimMs, signal).catch(() => undefined)
    const size = await stat(path).then(
      found => found.size,
      () => 0,
    )
    if (size > limits.programOutputBytesMax / 16) await truncate(path, 0).catch(() => undefined)
  }
}
