/**
 * Pushes what waits in pg_wal before PostgreSQL asks for it, several files at a time. One process does it for a server:
 * `wal push` starts it, and it ends by itself once nothing is left to do. It tells by the spool what is durable; the calls
 * that follow only look there.
 *
 * It also brings repositories what they are owed (catch-up.ts). A file that it could not push is left to PostgreSQL's
 * own call, which tries it and tells the fault. So is, now and then, one that a repository lacks: nobody reads what this
 * process says, and the call warns in the server's log.
 */
import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { ClusterOfWal } from '../../wal/cluster.ts'
import type { WorkerHost } from '../workers/crew.ts'
import { startEncodeWalCrew, type EncodeWalCrew } from '../workers/encode-wal/encode-wal-crew.ts'
import { stampOf } from '../launcher-context.ts'
import { catchUp } from './catch-up.ts'
import type { EncodeWal, WalToEncode } from './encode-wal.ts'
import { openCircuits, type OwedBook } from './owed.ts'
import { pushToAll, type Pushed } from './push-to-all.ts'
import type { PushedSpool } from './pushed-spool.ts'
import { listReady } from './ready.ts'
import { settlePush } from './settle-push.ts'
import type { OpenTarget } from './target.ts'

export interface PushAheadDeps extends WorkerHost {
  readonly spool: PushedSpool
  readonly book: OwedBook
  /** Where WAL is pushed to; opened apart from those below: a place that hung once may be back when they are asked. */
  readonly targets: readonly OpenTarget[]
  /** The same, to catch up with. */
  readonly opened: readonly OpenTarget[]
  /** As the server's own pg_control tells it; repositories compare it with theirs. */
  readonly identity: ClusterOfWal | undefined
}

export interface PushAheadRequest {
  readonly walFolder: string
  readonly cluster: string
  readonly durableIn: number
  /** How many files are compressed at a time; 0: only catch up. */
  readonly parallel: number
}

/** Returns when there is nothing left to do, or another process does it. */
export async function pushAhead(
  deps: PushAheadDeps,
  request: PushAheadRequest,
  signal: AbortSignal,
): Promise<void> {
  const { spool } = deps
  if (!(await spool.takeLock())) return
  const stop = new AbortController()
  const running = AbortSignal.any([signal, stop.signal])
  const pusher = new Pusher(deps, request)
  let isPushing = true
  try {
    const upkeep = keepUp(deps, request, stop, running).then(() => 'end' as const)
    const catching = catchUp({ ...deps, targets: deps.opened }, request, () => !isPushing, running)
    const caughtUp = catching.then(() => 'end' as const)
    // It is listened to after the pushing, and may fail before; a rejection that nobody hears would end the process, and
    // leave its lock.
    caughtUp.catch(() => undefined)
    do {
      isPushing = true
      await pushWaiting(deps, request, pusher, running)
      isPushing = false
    } while ((await Promise.race([upkeep, caughtUp, pusher.untilMore(running)])) === 'more')
  } finally {
    stop.abort(ended())
    pusher.releaseAll()
    await spool.sweep(new Set(await listReady(request.walFolder))).catch(() => undefined)
    await spool.releaseLock()
  }
}

/** Shows that this process lives, and forgets what PostgreSQL has taken note of. Returns when there is a reason to end. */
async function keepUp(
  { spool, world }: PushAheadDeps,
  { walFolder }: PushAheadRequest,
  stop: AbortController,
  signal: AbortSignal,
): Promise<void> {
  try {
    while (spool.isCurrent() && (await stat(walFolder)).isDirectory()) {
      await spool.touchLock()
      await spool.sweep(new Set(await listReady(walFolder)))
      await world.clock.sleep(limits.walPushAheadSilenceMsMax / 10, signal)
    }
  } catch {
    // The data directory was removed, or another process has taken over.
  }
  stop.abort(ended())
}

/** Returns when nothing has waited for a while. */
async function pushWaiting(
  deps: PushAheadDeps,
  request: PushAheadRequest,
  pusher: Pusher,
  signal: AbortSignal,
): Promise<void> {
  const workers = await workersFor(request)
  if (workers === 0) return
  const crew = startEncodeWalCrew(deps, workers, signal)
  // Some files are on their way to the repositories while others are compressed: a repository may be far off.
  const lanes = Array.from({ length: workers * limits.walPushLanesPerWorker }, () =>
    pusher.lane(crew, signal),
  )
  try {
    await Promise.all(lanes)
  } finally {
    await crew.finish()
  }
}

async function workersFor({ walFolder, parallel }: PushAheadRequest): Promise<number> {
  const waiting = await listReady(walFolder)
  const sizes = await Promise.all(
    waiting.slice(0, 4).map(name =>
      stat(join(walFolder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  )
  const isLarge = Math.max(0, ...sizes) > limits.walPushAheadSegmentBytesMax
  return isLarge ? Math.min(1, parallel) : parallel
}

class Pusher {
  readonly #deps: PushAheadDeps
  readonly #request: PushAheadRequest
  /** Still to be handed out. */
  #queue: string[] = []
  /** Each with its stamp from before it was read. */
  readonly #underWay = new Map<string, string>()
  /** Pushed, or left to PostgreSQL's own call; until they wait no longer. */
  readonly #done = new Set<string>()
  #failuresInARow = 0
  #leftToTellMs = -Infinity
  #workedAtMs: number
  #looking: Promise<void> | undefined

  constructor(deps: PushAheadDeps, request: PushAheadRequest) {
    this.#deps = deps
    this.#request = request
    this.#workedAtMs = deps.world.clock.monotonicMs()
  }

  /** More than one may be ready while a repository that is behind is waited for. */
  async untilMore(signal: AbortSignal): Promise<'more' | 'end'> {
    const { clock } = this.#deps.world
    while (!signal.aborted && this.#request.parallel > 0) {
      if (this.#isStuck()) return 'end'
      await clock.sleep(limits.walPushAheadIdleMs, signal).catch(() => undefined)
      await this.#look()
      if (this.#queue.length === 0) continue
      this.#failuresInARow = 0
      this.#workedAtMs = clock.monotonicMs()
      return 'more'
    }
    // Something else ends the wait.
    return new Promise(() => undefined)
  }

  /** Pushes one file after another, for as long as something may come. */
  async lane(crew: EncodeWalCrew, signal: AbortSignal): Promise<void> {
    for (let path = await this.#next(signal); path !== undefined; path = await this.#next(signal)) {
      const outcome = await this.#push(path, crew, signal)
      await this.#settle(path, outcome)
    }
  }

  async #next(signal: AbortSignal): Promise<string | undefined> {
    const { clock } = this.#deps.world
    while (!signal.aborted && !this.#isTimeToEnd()) {
      const path = this.#begin()
      if (path !== undefined) return path
      // One looks for all.
      await (this.#looking ??= clock
        .sleep(limits.walPushPollMs, signal)
        .catch(() => undefined)
        .then(() => this.#look())
        .finally(() => (this.#looking = undefined)))
    }
    return undefined
  }

  /** Undefined: it failed, and PostgreSQL's own call tells why. */
  async #push(
    path: string,
    { encode, recycle }: EncodeWalCrew,
    signal: AbortSignal,
  ): Promise<Pushed | undefined> {
    const { world, book, opened, targets, identity } = this.#deps
    const { durableIn } = this.#request
    try {
      const stuck = targets.filter(target => target.isStuck()).map(({ name }) => name)
      const shut = opened.length > 1 ? await openCircuits(book, opened, world.clock) : []
      const skip = [...stuck, ...shut]
      const hurried: EncodeWal = (file, stop) => encode(this.#isBehind() ? inHurry(file) : file, stop)
      const deps = { targets, durableIn, world, encode: hurried, recycle, identity }
      return await pushToAll(deps, { path, skip }, signal)
    } catch {
      signal.throwIfAborted()
      return undefined
    }
  }

  async #settle(path: string, pushed: Pushed | undefined): Promise<void> {
    const { spool, book, opened, world } = this.#deps
    const name = basename(path)
    const stamp = this.#underWay.get(name)
    this.#workedAtMs = world.clock.monotonicMs()
    this.#failuresInARow = pushed ? 0 : this.#failuresInARow + 1
    let isLeft = true
    try {
      if (pushed) await settlePush(book, opened, pushed)
      isLeft = !pushed || (await this.#isToBeTold(pushed))
      if (!isLeft && stamp !== undefined) spool.writePushed(path, name, stamp)
    } finally {
      this.#underWay.delete(name)
      this.#done.add(name)
      spool.release(name, isLeft ? 'failed' : undefined)
    }
  }

  /** Whether PostgreSQL's own call has to push the file again, to warn of a repository that lacks it. One file is enough. */
  async #isToBeTold({ lacking }: Pushed): Promise<boolean> {
    const { book, opened, world } = this.#deps
    const behind = opened.filter(({ name }) => lacking.some(({ target }) => target === name))
    const isDue = (await Promise.all(behind.map(target => book.isWarningDue(target)))).includes(true)
    const nowMs = world.clock.monotonicMs()
    if (!isDue || nowMs - this.#leftToTellMs < limits.walBehindWarningMsMin) return false
    this.#leftToTellMs = nowMs
    return true
  }

  #isBehind(): boolean {
    return this.#queue.length > limits.walPushWaitingUsual
  }

  releaseAll(): void {
    for (const name of this.#underWay.keys()) {
      try {
        this.#deps.spool.release(name)
      } catch {
        // The data directory was removed: nobody asks for the file any more.
      }
    }
  }

  /** The path of the next file, whose claim is made. */
  #begin(): string | undefined {
    for (let name = this.#queue.shift(); name !== undefined; name = this.#queue.shift()) {
      const path = join(this.#request.walFolder, name)
      const stamp = stampOf(path)
      if (stamp === undefined || this.#deps.spool.isPushed(path, name)) {
        this.#done.add(name)
        continue
      }
      this.#underWay.set(name, stamp)
      this.#deps.spool.claim(name)
      return path
    }
    return undefined
  }

  async #look(): Promise<void> {
    const waiting = await listReady(this.#request.walFolder)
    // A worker may have looked, too, meanwhile.
    if (this.#queue.length > 0) return
    const known = new Set(waiting)
    for (const name of this.#done) if (!known.has(name)) this.#done.delete(name)
    this.#queue = waiting.filter(name => !this.#done.has(name) && !this.#underWay.has(name))
  }

  /** Then the next process is started, which opens it anew: this one would leave that repository behind for as long as WAL comes. */
  #isStuck(): boolean {
    return [...this.#deps.targets, ...this.#deps.opened].some(target => target.isStuck())
  }

  #isTimeToEnd(): boolean {
    if (this.#isStuck()) return true
    const isIdle = this.#underWay.size === 0 && this.#queue.length === 0
    const idleMs = this.#deps.world.clock.monotonicMs() - this.#workedAtMs
    return this.#failuresInARow > this.#request.parallel || (isIdle && idleMs > limits.walPushAheadIdleMs)
  }
}

/** Disks fill while WAL waits: until it has caught up, speed counts for more than some hundredths of the size. */
function inHurry(file: WalToEncode): WalToEncode {
  return { ...file, encodings: file.encodings.map(encoding => ({ ...encoding, level: 1 })) }
}

const ended = (): Fault =>
  new Fault('INTERRUPTED', 'nothing is left to push', { hint: 'Nothing: it starts again.' })
