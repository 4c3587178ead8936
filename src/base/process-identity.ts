/**
 * Who a process is, said so that another process on the same machine can prove it dead.
 *
 * A pid alone is reused. Together with the time the process started (in ticks since boot), the id of that boot,
 * and the pid namespace the number counts in (containers share a boot), it names one process for ever.
 */
import { readFile, readlink } from 'node:fs/promises'
import { errnoOf } from './fault.ts'

export interface ProcessIdentity {
  readonly pid: number
  readonly startTicks: string
  readonly bootId: string
  readonly pidNamespace: string
}

export async function ownProcess(): Promise<ProcessIdentity> {
  const { bootId, pidNamespace } = await whereabouts()
  return {
    pid: process.pid,
    startTicks: (await readStat(process.pid))?.startTicks ?? 'unknown',
    bootId,
    pidNamespace,
  }
}

/**
 * True only with proof: the process counted its pid where we count ours, and is gone. When in doubt (another
 * machine, another container, an unreadable /proc) the answer is false, and the caller has to wait instead.
 */
export async function isProvablyDead(them: ProcessIdentity): Promise<boolean> {
  const { bootId, pidNamespace } = await whereabouts()
  if (them.bootId !== bootId || them.pidNamespace !== pidNamespace || bootId === 'unknown') return false
  if (!isRunning(them.pid)) return true
  const stat = await readStat(them.pid)
  if (!stat) return false
  const isZombie = stat.state === 'Z' || stat.state === 'X'
  return isZombie || (stat.startTicks !== them.startTicks && them.startTicks !== 'unknown')
}

/** Asked of the kernel with signal 0, since /proc may hide the processes of other users. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errnoOf(error) !== 'ESRCH'
  }
}

let known: Promise<{ bootId: string; pidNamespace: string }> | undefined

/** Read once: neither changes while a process lives. */
function whereabouts(): Promise<{ bootId: string; pidNamespace: string }> {
  return (known ??= readWhereabouts())
}

async function readWhereabouts(): Promise<{ bootId: string; pidNamespace: string }> {
  const [bootId, pidNamespace] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').then(
      text => text.trim(),
      () => 'unknown',
    ),
    readlink('/proc/self/ns/pid').then(
      text => text.replace(/\D/g, ''),
      () => 'unknown',
    ),
  ])
  return { bootId, pidNamespace }
}

/** proc(5): the second field is the name in parentheses and may hold anything, so fields count from the last `)`. */
async function readStat(pid: number): Promise<{ state: string; startTicks: string } | undefined> {
  const text = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => undefined)
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, startTicks] = [fields?.[0], fields?.[19]]
  return state !== undefined && startTicks !== undefined ? { state, startTicks } : undefined
}
