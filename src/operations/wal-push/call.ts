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
  readonly startPushAhead: (busy: string) => void
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
  if (waiting && (await isPushedAhead(waiting, path, name, world, signal)))
    return { name, result: 'ahead', lacking: [] }
  const mayStart = waiting !== undefined && !(await waiting.isPusherAlive())
  const isMore = mayStart && deps.parallel > 0 && ready.length > 1
  if (isMore) deps.startPushAhead(name)

  const skip = targets.length > 1 ? await openCircuits(book, targets, world.clock) : []
  const pushed = await pushToAll(deps, { path, skip }, signal)
  await settlePush(book, targets, pushed)
  if (mayStart && !isMore && (await isAnyBehind(deps))) deps.startPushAhead(name)
  return pushed
}

/** Waits for a file that is on its way, as long as whoever brings it lives. */
async function isPushedAhead(
  spool: PushedSpool,
  path: string,
  name: string,
  { clock }: World,
  signal: AbortSignal,
): Promise<boolean> {
  const endMs = clock.monotonicMs() + limits.walPushMsMax
  while ((await spool.isUnderWay(name)) && (await spool.isPusherAlive()) && clock.monotonicMs() < endMs)
    await clock.sleep(limits.walPushPollMs, signal)
  return spool.isPushed(path, name)
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
