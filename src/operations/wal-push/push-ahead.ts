/**
 * Pushes what waits in pg_wal before PostgreSQL asks for it, several files at a time. One process does it for a server:
 * `wal push` starts it, and it ends by itself once nothing is left to do. It tells by the spool what is durable; the calls
 * that follow only look there.
 *
 * It also brings repositories what they are owed (catch-up.ts). A file that it could not push is left to PostgreSQL's
 * own call, which tries it and tells the fault.
 */
import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { runCrew, type CrewMessage, type WorkerHost } from '../workers/crew.ts'
import { decodeFailure, type PushOutcome, type ToWorker } from '../workers/messages.ts'
import { catchUp } from './catch-up.ts'
import { openCircuits, type OwedBook } from './owed.ts'
import { stampOf, type PushedSpool } from './pushed-spool.ts'
import { listReady } from './ready.ts'
import { settlePush } from './settle-push.ts'
import type { OpenTarget, PushTarget } from './target.ts'

export interface PushAheadDeps extends WorkerHost {
  readonly spool: PushedSpool
  readonly book: OwedBook
  /** The targets as the main thread has them, to catch up with. */
  readonly opened: readonly OpenTarget[]
}

export interface PushAheadRequest {
  readonly walFolder: string
  readonly cluster: string
  readonly targets: readonly PushTarget[]
  readonly durableIn: number
  /** How many files at a time; 0: only catch up. */
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
    do {
      isPushing = true
      await pushWaiting(deps, request, pusher, running)
      isPushing = false
    } while ((await Promise.race([upkeep, caughtUp, pusher.untilMore(running)])) === 'more')
  } finally {
    stop.abort(ended())
    await pusher.releaseAll()
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
    while ((await spool.isCurrent()) && (await stat(walFolder)).isDirectory()) {
      await spool.touchLock()
      await spool.sweep(new Set(await listReady(walFolder)))
      await world.clock.sleep(limits.walPushAheadSilenceMsMax / 10, signal)
    }
  } catch {
    // The data directory was removed, or another process has taken over.
  }
  stop.abort(ended())
}

async function pushWaiting(
  deps: PushAheadDeps,
  request: PushAheadRequest,
  pusher: Pusher,
  signal: AbortSignal,
): Promise<void> {
  const { cluster, targets, durableIn } = request
  const workers = await workersFor(request)
  if (workers === 0) return
  const setup = { job: 'push', cluster, targets, durableIn } as const
  await runCrew(
    deps,
    {
      setups: Array.from({ length: workers }, () => setup),
      onMessage: async (message, reply) => {
        if (message.kind === 'idle') reply(await pusher.next(signal))
        else await pusher.receive(message)
      },
    },
    signal,
  )
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
  #queue: readonly string[] = []
  /** Each with its stamp from before it was read. */
  readonly #underWay = new Map<string, string>()
  /** Pushed, or left to PostgreSQL's own call; until they wait no longer. */
  readonly #done = new Set<string>()
  #failuresInARow = 0
  #workedAtMs: number

  constructor(deps: PushAheadDeps, request: PushAheadRequest) {
    this.#deps = deps
    this.#request = request
    this.#workedAtMs = deps.world.clock.monotonicMs()
  }

  /** More than one may be ready while a repository that is behind is waited for. */
  async untilMore(signal: AbortSignal): Promise<'more' | 'end'> {
    const { clock } = this.#deps.world
    while (!signal.aborted && this.#request.parallel > 0) {
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

  /** What an idle worker is to do; waits for as long as something may come. */
  async next(signal: AbortSignal): Promise<ToWorker> {
    const { world, book, opened } = this.#deps
    while (!signal.aborted && !this.#isTimeToEnd()) {
      const task = await this.#begin()
      if (task !== undefined) {
        const skip = opened.length > 1 ? await openCircuits(book, opened, world.clock) : []
        return { kind: 'push', path: task, skip }
      }
      await world.clock.sleep(limits.walPushPollMs, signal).catch(() => undefined)
      await this.#look()
    }
    return { kind: 'finish' }
  }

  async receive(message: CrewMessage): Promise<void> {
    if (message.kind !== 'pushed') return
    const { spool } = this.#deps
    const { path, outcome } = message
    const name = basename(path)
    const stamp = this.#underWay.get(name)
    this.#workedAtMs = this.#deps.world.clock.monotonicMs()
    let failed = true
    try {
      failed = !(await this.#isDurable(name, outcome))
      this.#failuresInARow = failed ? this.#failuresInARow + 1 : 0
      if (!failed && stamp !== undefined) await spool.writePushed(path, name, stamp)
    } finally {
      this.#underWay.delete(name)
      this.#done.add(name)
      await spool.release(name, failed ? 'failed' : undefined)
    }
  }

  async releaseAll(): Promise<void> {
    for (const name of this.#underWay.keys()) await this.#deps.spool.release(name).catch(() => undefined)
  }

  async #isDurable(name: string, outcome: PushOutcome): Promise<boolean> {
    if ('failure' in outcome) return false
    const { book, opened } = this.#deps
    const lacking = outcome.lacking.map(({ target, failure }) => ({ target, fault: faultOf(failure) }))
    await settlePush(book, opened, { name, durable: outcome.durable, lacking })
    return true
  }

  /** The path of the next file, whose claim is made. */
  async #begin(): Promise<string | undefined> {
    for (let name = this.#take(); name !== undefined; name = this.#take()) {
      const path = join(this.#request.walFolder, name)
      const stamp = await stampOf(path)
      if (stamp === undefined || (await this.#deps.spool.isPushed(path, name))) {
        this.#underWay.delete(name)
        this.#done.add(name)
        continue
      }
      this.#underWay.set(name, stamp)
      await this.#deps.spool.claim(name)
      return path
    }
    return undefined
  }

  #take(): string | undefined {
    const [name, ...rest] = this.#queue
    if (name === undefined) return undefined
    this.#queue = rest
    this.#underWay.set(name, '')
    return name
  }

  async #look(): Promise<void> {
    const waiting = await listReady(this.#request.walFolder)
    // A worker may have looked, too, meanwhile.
    if (this.#queue.length > 0) return
    const known = new Set(waiting)
    for (const name of this.#done) if (!known.has(name)) this.#done.delete(name)
    this.#queue = waiting.filter(name => !this.#done.has(name) && !this.#underWay.has(name))
  }

  #isTimeToEnd(): boolean {
    const isIdle = this.#underWay.size === 0 && this.#queue.length === 0
    const idleMs = this.#deps.world.clock.monotonicMs() - this.#workedAtMs
    return this.#failuresInARow > this.#request.parallel || (isIdle && idleMs > limits.walPushAheadIdleMs)
  }
}

function faultOf(failure: Parameters<typeof decodeFailure>[0] | undefined): Fault | undefined {
  const error = failure && decodeFailure(failure)
  return error instanceof Fault ? error : undefined
}

const ended = (): Fault =>
  new Fault('INTERRUPTED', 'nothing is left to push', { hint: 'Nothing: it starts again.' })
