/** A lease while it is held: renews itself, notices when it is lost, and gives itself back. */
import { Fault, isFault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { formatDuration } from '../base/units.ts'
import type { World } from '../base/world.ts'
import type { LeaseOwner, LeaseRecord } from './format/lease-record.ts'
import { describeOwner } from './lease-judgement.ts'
import type { LeaseName, LeaseObject, LeaseObjects } from './lease-objects.ts'

export class HeldLease implements AsyncDisposable {
  readonly name: LeaseName
  readonly #objects: LeaseObjects
  readonly #owner: LeaseOwner
  readonly #world: World
  readonly #token: string
  readonly #acquiredAtMs: number
  readonly #lost = new AbortController()
  readonly #stop = new AbortController()
  /** The highest number seen so far: the next claim is one above it. */
  #counter: number
  #alarm = new AbortController()
  #renewing: Promise<void> = Promise.resolve()
  #trouble: unknown

  constructor(objects: LeaseObjects, name: LeaseName, owner: LeaseOwner, world: World, counter: number) {
    this.name = name
    this.#objects = objects
    this.#owner = owner
    this.#world = world
    this.#counter = counter
    this.#token = Buffer.from(world.randomBytes(16)).toString('hex')
    this.#acquiredAtMs = world.clock.now()
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** Takes the lease; returns the object of whoever was faster. */
  async begin(signal: AbortSignal): Promise<LeaseObject | undefined> {
    const winner = await this.#claim(signal)
    this.#lost.signal.throwIfAborted()
    if (!winner) this.#renewing = this.#keepRenewing()
    return winner
  }

  /** Gives the lease back, so that the next one need not wait. Where that fails, it ends by itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#renewing
    this.#alarm.abort()
    if (this.#lost.signal.aborted) return
    try {
      await this.#inTime(signal => this.#release(signal))
    } catch (error) {
      if (!isFault(error)) throw error
    }
  }

  async #keepRenewing(): Promise<void> {
    const ended = AbortSignal.any([this.#stop.signal, this.#lost.signal])
    while (!ended.aborted) {
      await this.#sleep(limits.leaseRenewMs, ended)
      await this.#renew(ended)
    }
  }

  async #renew(ended: AbortSignal): Promise<void> {
    if (ended.aborted) return
    try {
      // A hung storage must not keep this from ending: the alarm goes on by itself.
      const winner = await orAborted(this.#claim(ended), ended)
      if (winner) this.#lose(`${describeOwner(winner.record)} has taken it`)
    } catch (error) {
      this.#trouble = error
    }
  }

  /**
   * Makes an object of ours the current one; returns the current one when it is somebody else's. An object of ours
   * that an earlier try wrote does not count, since others may have seen it for longer than we know.
   */
  async #claim(signal: AbortSignal): Promise<LeaseObject | undefined> {
    for (;;) {
      const startedMs = this.#world.clock.monotonicMs()
      const record = this.#record({ released: false })
      const current = await this.#objects.claim({ counter: this.#counter + 1, record }, signal)
      signal.throwIfAborted()
      if (current.record.token !== this.#token) return current
      const isFresh = current.counter === this.#counter + 1 && current.record.renewedAt === record.renewedAt
      this.#counter = current.counter
      if (!isFresh) continue
      this.#setAlarm(startedMs)
      await this.#objects.tidy(this.#counter, signal)
      return undefined
    }
  }

  async #release(signal: AbortSignal): Promise<void> {
    for (;;) {
      const record = this.#record({ released: true })
      const current = await this.#objects.claim({ counter: this.#counter + 1, record }, signal)
      if (current.record.token !== this.#token || current.record.released) break
      this.#counter = current.counter
    }
    await this.#objects.tidy(this.#counter + 1, signal)
  }

  /** By our own clock, counted from before the object was written: nobody can have seen it for longer. */
  #setAlarm(renewedMs: number): void {
    this.#alarm.abort()
    this.#alarm = new AbortController()
    const { signal } = this.#alarm
    const tooLate = (): void => {
      this.#lose(`it could not be renewed for ${formatDuration(limits.leaseGiveUpMs)}`)
    }
    const leftMs = renewedMs + limits.leaseGiveUpMs - this.#world.clock.monotonicMs()
    // The answer itself may have come so late that others have the lease by now.
    if (leftMs <= 0) tooLate()
    else void this.#sleep(leftMs, signal).then(() => (signal.aborted ? undefined : tooLate()))
  }

  #lose(why: string): void {
    this.#alarm.abort()
    this.#lost.abort(
      new Fault('LEASE_LOST', `the lease "${this.name}" was lost: ${why}`, {
        hint: 'Run the command again. Check that the storage answers, and that this host was not suspended.',
        cause: this.#trouble,
      }),
    )
  }

  #record({ released }: { released: boolean }): LeaseRecord {
    const nowMs = this.#world.clock.now()
    return {
      format: 1,
      token: this.#token,
      owner: this.#owner,
      acquiredAt: new Date(this.#acquiredAtMs).toISOString(),
      renewedAt: new Date(nowMs).toISOString(),
      expiresAt: new Date(nowMs + limits.leaseTtlMs).toISOString(),
      ttlMs: limits.leaseTtlMs,
      released,
    }
  }

  /** The caller's own signal may be the reason why we end, so giving back has a limit of time instead. */
  async #inTime(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const limit = new AbortController()
    const done = new AbortController()
    void this.#sleep(limits.leaseReleaseMsMax, done.signal).then(() => {
      limit.abort(
        new Fault('STORAGE_UNAVAILABLE', 'the lease could not be given back in time', {
          hint: 'It ends by itself.',
        }),
      )
    })
    try {
      await orAborted(work(limit.signal), limit.signal)
    } finally {
      done.abort()
    }
  }

  /** Resolves also when aborted. */
  async #sleep(durationMs: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#world.clock.sleep(durationMs, signal)
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }
}

/** Rejects as soon as `signal` aborts, also when `work` never ends. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => {
    aborted.reject(signal.reason)
  }
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  work.catch(() => undefined)
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
