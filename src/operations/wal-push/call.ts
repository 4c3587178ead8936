/**
 * One call of `wal push`, as PostgreSQL makes it: the file may be stored already, or be on its way, by the process that
 * pushes ahead; else it is stored here, and that process started when more files wait.
 */
import { basename } from 'node:path'
import { limits } from '../../base/limits.ts'
import type { World } from '../../base/world.ts'
import { openCircuits, type OwedBook } from './owed.ts'
import type { PushedSpool } from './pushed-spool.ts'
import { pushToAll, type PushDeps, type Pushed } from './push-to-all.ts'
import { listReady } from './ready.ts'
import { settlePush } from './settle-push.ts'

export interface PushCallDeps extends PushDeps {
  readonly walFolder: string
  /** Undefined: nothing is pushed ahead, or it can not be told which configuration this is. */
  readonly spool: PushedSpool | undefined
  readonly book: OwedBook
  readonly parallel: number
  /** Starts `pushAhead` in a process of its own. */
  readonly startPushAhead: () => Helper
}

export interface Helper {
  readonly hasEnded: () => boolean
}

export interface PushCall {
  readonly name: string
  /** `ahead`: it was stored before PostgreSQL asked. */
  readonly result: Pushed['result'] | 'ahead'
  readonly lacking: Pushed['lacking']
}

export async function pushOnCall(deps: PushCallDeps, path: string, signal: AbortSignal): Promise<PushCall> {
  const { walFolder, spool, book, targets, world } = deps
  const name = basename(path)
  const ready = await listReady(walFolder)
  // Only what PostgreSQL has listed itself is somebody else's business.
  const waiting = spool && ready.includes(name) ? spool : undefined
  const mayStart = waiting !== undefined && !(await waiting.isPusherAlive())
  const isMore = mayStart && deps.parallel > 0 && ready.length > 1
  // It takes this file first. Two that load all that reaching object storage needs would be in each other's way.
  const helper = isMore ? deps.startPushAhead() : undefined
  if (waiting && (await isPushedAhead(waiting, { path, name, helper }, world, signal)))
    return { name, result: 'ahead', lacking: [] }

  const skip = targets.length > 1 ? await openCircuits(book, targets, world.clock) : []
  const pushed = await pushToAll(deps, { path, skip }, signal)
  await settlePush(book, targets, pushed)
  if (mayStart && !isMore && (await isAnyBehind(deps))) deps.startPushAhead()
  return pushed
}

interface Awaited {
  readonly path: string
  readonly name: string
  /** Just started, if so: it may take a while until it can be seen. */
  readonly helper: Helper | undefined
}

/** Waits for a file that is on its way, or soon will be, as long as whoever brings it lives. */
async function isPushedAhead(
  spool: PushedSpool,
  { path, name, helper }: Awaited,
  { clock }: World,
  signal: AbortSignal,
): Promise<boolean> {
  const beganMs = clock.monotonicMs()
  const isWorthWaiting = async (): Promise<boolean> => {
    const waitedMs = clock.monotonicMs() - beganMs
    const isAlive = await spool.isPusherAlive()
    if (isAlive && spool.isUnderWay(name)) return waitedMs < limits.walPushMsMax
    if (spool.hasFailed(name)) return false
    if (helper) return !helper.hasEnded() && waitedMs < limits.walPushStartMsMax
    return isAlive && waitedMs < limits.walPushClaimMsMax
  }
  while (!spool.isPushed(path, name)) {
    if (!(await isWorthWaiting())) return spool.isPushed(path, name)
    await clock.sleep(limits.walPushPollMs, signal)
  }
  return true
}

/** Somebody has to bring what is owed; not while it is known that nobody takes it. */
async function isAnyBehind({ book, targets, world }: PushCallDeps): Promise<boolean> {
  if (targets.length < 2) return false
  const shut = await openCircuits(book, targets, world.clock)
  for (const target of targets) {
    if (!shut.includes(target.name) && (await book.list(target)).length > 0) return true
  }
  return false
}
