/**
 * What the pushing process (push-ahead.ts) tells the calls of `wal push` that follow:
 *
 *     pg_wal/holdfast-pushed/<configuration>/lock         who pushes, touched as long as it lives
 *                                            <file>.pushing   on its way
 *                                            <file>.pushed    durable where it must be; what exactly, see `proofOf`
 *                                            <file>.failed    left to the call for it: could not be pushed, or there is something to tell
 *
 * bin/holdfast reads `.pushed` files by itself, without starting Node: what it compares is written down here and
 * there, and test/push-ahead.test.ts holds the two together. Whatever is wrong with the spool, `wal push` stores its
 * file itself.
 *
 * A proof names this very file (device, inode, size, times of its last change), the configuration file in the same
 * way, the boot of the host, and the settings of the environment that say where a repository is. A segment that was
 * recycled, a copy of the data directory, a changed configuration: none of them fits. The time of change (ctime) can
 * not be set by anybody, so a file that fits has not been written to since it was stored.
 *
 * What is told of each file is written and read in this thread, while it waits: to hand each of a dozen steps to another
 * thread and back takes several times as long, and without the disk of pg_wal the server itself stands still.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { link, mkdir, readFile, readdir, rm, rmdir, stat, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errnoOf } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { isProvablyDead, ownProcess, type ProcessIdentity } from '../../base/process-identity.ts'
import type { Clock } from '../../base/world.ts'
import { launcherContext, stampOf } from '../launcher-context.ts'

export interface PushedSpool {
  readonly folder: string
  /** What has to stand in a proof besides the file itself. */
  readonly context: readonly string[]
  /** Whether the configuration is still the one that the spool is for. */
  isCurrent(): boolean
  /** Whether this very file is durable. */
  isPushed(path: string, name: string): boolean
  /** `stamp` as it was before the file was read; nothing is written when it has changed since. */
  writePushed(path: string, name: string, stamp: string): void
  isUnderWay(name: string): boolean
  hasFailed(name: string): boolean
  claim(name: string): void
  release(name: string, how?: 'failed'): void
  isPusherAlive(): Promise<boolean>
  /** False: another process is pushing. */
  takeLock(): Promise<boolean>
  /** Throws when the lock is another process's by now: this one was silent for too long, or both found a dead one's. */
  touchLock(): Promise<void>
  /** Another process's is left alone. */
  releaseLock(): Promise<void>
  /** Removes what is told of files that are not waiting any more. */
  sweep(waiting: ReadonlySet<string>): Promise<void>
}

const spoolsFolderName = 'holdfast-pushed'

export interface SpoolSurroundings {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
}

/** Undefined when the configuration file can not be looked at, or the host does not tell its boot. */
export async function openPushedSpool(
  walFolder: string,
  configPath: string,
  { environment, clock }: SpoolSurroundings,
): Promise<PushedSpool | undefined> {
  const context = await launcherContext(configPath, environment)
  if (!context) return undefined
  const [device = '', inode = ''] = context[0].split(':')
  return spoolIn(join(walFolder, spoolsFolderName, `${device}-${inode}`), { context, configPath, clock })
}

interface SpoolPlace {
  readonly context: readonly string[]
  readonly configPath: string
  readonly clock: Clock
}

function spoolIn(folder: string, { context, configPath, clock }: SpoolPlace): PushedSpool {
  const pushedPath = (name: string): string => join(folder, `${name}.pushed`)
  const claimPath = (name: string): string => join(folder, `${name}.pushing`)
  const failedPath = (name: string): string => join(folder, `${name}.failed`)
  const lockPath = join(folder, 'lock')
  const proofOf = (stamp: string): string => [stamp, ...context, ''].join('\n')
  return {
    folder,
    context,
    isCurrent: () => stampOf(configPath) === context[0],
    isPushed(path, name) {
      const proof = readTextNow(pushedPath(name))
      const stamp = proof === undefined ? undefined : stampOf(path)
      return stamp !== undefined && proof === proofOf(stamp)
    },
    writePushed(path, name, stamp) {
      if (stampOf(path) !== stamp) return
      replaceFile(pushedPath(name), proofOf(stamp))
    },
    isUnderWay: name => existsSync(claimPath(name)),
    hasFailed: name => existsSync(failedPath(name)),
    claim(name) {
      rmSync(failedPath(name), { force: true })
      writeFileSync(claimPath(name), '')
    },
    release(name, how) {
      if (how === 'failed') writeFileSync(failedPath(name), '')
      rmSync(claimPath(name), { force: true })
    },
    isPusherAlive: () => isHeld(lockPath, clock),
    takeLock: () => takeLock(folder, lockPath, clock),
    async touchLock() {
      if (!(await isOwn(lockPath))) throw new Error(`${lockPath} is held by another process`)
      const now = new Date(clock.now())
      await utimes(lockPath, now, now)
    },
    async releaseLock() {
      if (!(await isOwn(lockPath))) return
      await removeTraces(folder)
      for (const path of [folder, dirname(folder)]) await rmdir(path).catch(() => undefined)
    },
    sweep: waiting => sweep(folder, waiting),
  }
}

/** Dead when that can be proven, or when it has been silent for long: it may count its pid elsewhere. */
async function isHeld(lockPath: string, clock: Clock): Promise<boolean> {
  const [info, text] = await Promise.all([stat(lockPath).catch(() => undefined), readText(lockPath)])
  if (!info || text === undefined) return false
  if (clock.now() - info.mtimeMs > limits.walPushAheadSilenceMsMax) return false
  const holder = parseHolder(text)
  return holder !== undefined && !(await isProvablyDead(holder))
}

const isOwn = async (lockPath: string): Promise<boolean> =>
  (await readText(lockPath)) === encodeHolder(await ownProcess())

/** The pid stands by itself in the first line, for bin/holdfast. */
const encodeHolder = (holder: ProcessIdentity): string => `${String(holder.pid)}\n${JSON.stringify(holder)}`

function parseHolder(text: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(text.slice(text.indexOf('\n') + 1)) as ProcessIdentity
  } catch {
    return undefined
  }
}

async function takeLock(folder: string, lockPath: string, clock: Clock): Promise<boolean> {
  await makeFolders(folder)
  if (await isHeld(lockPath, clock)) return false
  await removeDead(dirname(folder), clock)
  await makeFolders(folder)
  const holder = await ownProcess()
  const unfinished = `${lockPath}.${String(holder.pid)}`
  await writeFile(unfinished, encodeHolder(holder), { mode: 0o600 })
  try {
    // A lock without its holder's name would be taken for a dead process's.
    await link(unfinished, lockPath)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  } finally {
    await rm(unfinished, { force: true })
  }
}

/** What killed processes left: their locks and claims. What they have pushed stays true. */
async function removeDead(spoolsFolder: string, clock: Clock): Promise<void> {
  for (const spool of await readdir(spoolsFolder)) {
    const folder = join(spoolsFolder, spool)
    if (await isHeld(join(folder, 'lock'), clock)) continue
    await removeTraces(folder)
    await rmdir(folder).catch(() => undefined)
  }
}

/** All but what stays true. */
async function removeTraces(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => [])
  for (const name of names.filter(each => !each.endsWith('.pushed')))
    await rm(join(folder, name), { force: true })
}

async function sweep(folder: string, waiting: ReadonlySet<string>): Promise<void> {
  for (const entry of await readdir(folder)) {
    const name = /^(.+)\.(?:pushed|failed)$/.exec(entry)?.[1]
    if (name !== undefined && !waiting.has(name)) rmSync(join(folder, entry), { force: true })
  }
}

/** Not `recursive`: see makeSpoolFolder. */
async function makeFolders(folder: string): Promise<void> {
  for (const path of [dirname(folder), folder]) {
    await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
      if (errnoOf(error) !== 'EEXIST') throw error
    })
  }
}

function replaceFile(path: string, text: string): void {
  const unfinished = `${path}.part`
  writeFileSync(unfinished, text, { mode: 0o600 })
  renameSync(unfinished, path)
}

/** Nearly always it is not there, which is no error. */
function readTextNow(path: string): string | undefined {
  if (!existsSync(path)) return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

const readText = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined)
