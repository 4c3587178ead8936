/**
 * Whether a server runs on a data directory. Files under a running server must never be touched.
 *
 * PostgreSQL's own lock is `postmaster.pid`: the process, and the shared memory that all of its children hold. See
 * CreateLockFile in src/backend/utils/init/miscinit.c; as there, a file left by a crash means nothing by itself.
 */
import { readFile, readlink, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, errnoOf, messageOf } from '../base/fault.ts'

/** What postmaster.pid says. */
export interface PostmasterFile {
  readonly pid: number
  readonly dataDirectory: string
  readonly startedMs: number
  readonly port: number | undefined
  /** The first folder with a socket; undefined when there is none. */
  readonly socketDirectory: string | undefined
  readonly listenAddress: string | undefined
  readonly sharedMemoryId: number | undefined
  /** `starting`, `standby` (reads only), `ready`, `stopping`. */
  readonly status: string
}

export async function readPostmasterFile(dataDirectory: string): Promise<PostmasterFile | undefined> {
  const text = await readIfThere(join(dataDirectory, 'postmaster.pid'))
  if (text === undefined) return undefined
  const lines = text.split('\n').map(line => line.trim())
  const pid = Math.abs(Number(lines[0])) // Negative in single-user mode.
  if (!Number.isInteger(pid) || pid === 0) return undefined
  return {
    pid,
    dataDirectory: lines[1] ?? '',
    startedMs: Number(lines[2]) * 1000,
    port: Number(lines[3]) || undefined,
    socketDirectory: lines[4] || undefined,
    listenAddress: lines[5] || undefined,
    sharedMemoryId: Number(/^\s*\d+\s+(\d+)/.exec(lines[6] ?? '')?.[1] ?? Number.NaN) || undefined,
    status: lines[7] ?? '',
  }
}

/** Why the directory is in use, for people; undefined when no server runs on it. */
export async function whyInUse(dataDirectory: string): Promise<string | undefined> {
  const file = await readPostmasterFile(dataDirectory)
  if (!file) return undefined
  if (await isServerOn(file.pid, dataDirectory)) return `a server with pid ${String(file.pid)} runs on it`
  // The postmaster is gone, but children of it may live on for a moment (or for ever, in a bad case).
  if (file.sharedMemoryId !== undefined && (await isAttached(file.sharedMemoryId))) {
    return `processes of a server that crashed still use its shared memory (id ${String(file.sharedMemoryId)})`
  }
  return undefined
}

/** Throws TARGET_DIRECTORY when a server runs on the directory. A directory that is missing or empty is free. */
export async function refuseIfInUse(dataDirectory: string): Promise<void> {
  const why = await whyInUse(dataDirectory)
  if (why === undefined) return
  throw new Fault('TARGET_DIRECTORY', `${dataDirectory} is in use: ${why}`, {
    hint: 'Stop that server first, or restore into another directory.',
  })
}

/** A server works in its data directory; another process that got the same pid later does not. */
async function isServerOn(pid: number, dataDirectory: string): Promise<boolean> {
  if (!isRunning(pid)) return false
  try {
    return (await readlink(`/proc/${String(pid)}/cwd`)) === (await realpath(dataDirectory))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    // The process of another user hides its directory, but not its name.
    return /^(postgres|postmaster|edb-postgres)$/.test(
      (await readIfThere(`/proc/${String(pid)}/comm`))?.trim() ?? '',
    )
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errnoOf(error) !== 'ESRCH'
  }
}

/** Columns of /proc/sysvipc/shm: key, shmid, perms, size, cpid, lpid, nattch, … */
async function isAttached(sharedMemoryId: number): Promise<boolean> {
  const table = (await readIfThere('/proc/sysvipc/shm')) ?? ''
  const row = table
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .find(fields => fields[1] === String(sharedMemoryId))
  return Number(row?.[6] ?? 0) > 0
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ESRCH'].includes(errnoOf(error) ?? '')) return undefined
    throw new Fault('TARGET_DIRECTORY', `${path} can not be read: ${messageOf(error)}`, {
      hint: 'Run as root, or as the user that owns the data directory.',
      cause: error,
    })
  }
}
