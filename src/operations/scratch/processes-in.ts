/**
 * Processes that work in a folder: a server, what it runs to restore WAL, what that has started. Told by their working
 * directories, which the kernel knows, so that no number from a file can mean a process of somebody else.
 */
import { readdir, readlink } from 'node:fs/promises'
import { sep } from 'node:path'
import { errnoOf } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Clock } from '../../base/world.ts'

export async function processesIn(folder: string): Promise<readonly number[]> {
  const names = await readdir('/proc').catch(() => [])
  const pids = names.filter(name => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(
    pids.map(async pid => {
      if (pid === process.pid) return []
      const at = await readlink(`/proc/${String(pid)}/cwd`).catch(() => '')
      return `${at.replace(/ \(deleted\)$/, '')}${sep}`.startsWith(folder + sep) ? [pid] : []
    }),
  )
  return found.flat()
}

/** SIGQUIT is PostgreSQL's immediate shutdown, which frees its shared memory; what does not end by it is killed. */
export async function endProcessesIn(folder: string, clock: Clock): Promise<void> {
  for (const name of ['SIGQUIT', 'SIGKILL'] as const) {
    const untilMs = clock.monotonicMs() + limits.scratchEndMsMax
    let told = new Set<number>()
    for (;;) {
      const pids = await processesIn(folder)
      if (pids.length === 0) return
      for (const pid of pids.filter(one => !told.has(one))) signalTo(pid, name)
      told = new Set([...told, ...pids])
      if (clock.monotonicMs() > untilMs) break
      await clock.sleep(limits.scratchEndPollMs, new AbortController().signal)
    }
  }
}

function signalTo(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}
