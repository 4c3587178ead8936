/**
 * One storage over several: what is written goes to all members at the same time, byte by byte the same.
 *
 * A member that fails, or keeps the others waiting for too long, is dropped for good: nothing of it can be relied on from
 * then on, and it is filled from a whole one later. Writing fails only when no member is left. Members are dropped by flags
 * in shared memory, so that all threads that write together know of it.
 */
import { assert } from '../base/assert.ts'
import { Fault, isFault, messageOf } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { formatDuration } from '../base/units.ts'
import type { Clock } from '../base/world.ts'
import type { ObjectWriter, Storage } from './storage.ts'

export interface MirrorMember {
  readonly name: string
  /** A function: a member that can not be opened is dropped, too. */
  readonly open: () => Promise<Storage>
}

export interface MirrorOptions {
  readonly clock: Clock
  /** One 32-bit number for each member, in their order; see `mirrorFlags`. */
  readonly flags: SharedArrayBuffer
  /** Called once in each thread that drops a member itself. */
  readonly onDropped: (member: number, fault: Fault) => void
}

export interface Mirror extends Storage {
  /** For what else goes wrong with a member: its lease is lost, its WAL does not come. */
  drop(member: number, fault: Fault): void
  isWhole(member: number): boolean
  wholeCount(): number
  /**
   * Does it for every whole member at the same time, and drops those that fail, or are not done `patienceMs` after the
   * first one. Throws when nobody is left.
   */
  each(work: (member: number) => Promise<void>, patienceMs: number): Promise<void>
}

export const mirrorFlags = (members: number): SharedArrayBuffer =>
  new SharedArrayBuffer(members * Int32Array.BYTES_PER_ELEMENT)

/** At least one member has to be given. Opening waits for all of them, but no longer than for a slow write. */
export async function openMirror(members: readonly MirrorMember[], options: MirrorOptions): Promise<Mirror> {
  const crew = new MirrorCrew(members, options)
  const opened: (Storage | undefined)[] = []
  await crew.each(async i => {
    opened[i] = await members[i]?.open()
  })
  return mirrorOf(crew, opened)
}

function mirrorOf(crew: MirrorCrew, opened: readonly (Storage | undefined)[]): Mirror {
  const at = (i: number): Storage => {
    const storage = opened[i]
    assert(storage !== undefined, 'a member that could not be opened was dropped')
    return storage
  }
  /** What is only read comes from the first whole one. */
  const leading = (): Storage => at(crew.first())
  return {
    location: opened.find(storage => storage !== undefined)?.location ?? '',
    drop: (member, fault) => {
      crew.drop(member, fault)
    },
    isWhole: member => crew.isWhole(member),
    wholeCount: () => crew.whole().length,
    each: (work, patienceMs) => crew.each(work, patienceMs),
    async create(key, signal) {
      const writers: (ObjectWriter | undefined)[] = []
      await crew.each(async i => {
        writers[i] = await at(i).create(key, signal)
      })
      return mirrorWriter(crew, writers, key)
    },
    async put(key, body, signal) {
      await crew.each(async i => {
        if ((await at(i).put(key, body, signal)) === 'taken') throw taken(at(i), key)
      })
      return 'written'
    },
    get: (key, range, signal) => leading().get(key, range, signal),
    stat: (key, signal) => leading().stat(key, signal),
    list: (what, signal) => leading().list(what, signal),
    delete: (keys, signal) => crew.each(i => at(i).delete(keys, signal)),
    retain: (key, until, signal) => crew.each(i => at(i).retain(key, until, signal)),
    traits: signal => leading().traits(signal),
    close: async () => {
      await Promise.all(opened.map(async storage => storage?.close()))
    },
  }
}

/** Keys of a backup are new each time: one that is taken is somebody else's, and the member is not whole with it. */
function mirrorWriter(
  crew: MirrorCrew,
  writers: readonly (ObjectWriter | undefined)[],
  key: string,
): ObjectWriter {
  const at = (i: number): ObjectWriter => {
    const writer = writers[i]
    if (!writer) throw new Error('assertion failed: a whole member has a writer for each object')
    return writer
  }
  const abort = async (): Promise<void> => {
    // A writer that hangs is left behind: what it had is swept some day.
    await crew.withinLag(Promise.all(writers.map(async writer => writer?.abort().catch(() => undefined))))
  }
  return {
    write: bytes => crew.each(i => at(i).write(bytes)),
    async commit() {
      const begun = new Set(crew.whole())
      await crew.each(async i => {
        if ((await at(i).commit()) === 'taken') throw takenKey(key)
      })
      // Those that were dropped before; what a failed commit leaves is its own to remove.
      for (const [i, writer] of writers.entries()) if (!begun.has(i)) writer?.abort().catch(() => undefined)
      return 'written'
    },
    abort,
  }
}

/** Who is still whole, and how long each one has kept the others waiting. */
class MirrorCrew {
  readonly #members: readonly MirrorMember[]
  readonly #options: MirrorOptions
  readonly #flags: Int32Array
  readonly #lagMs: number[]
  readonly #startedMs: number
  #last: Fault | undefined

  constructor(members: readonly MirrorMember[], options: MirrorOptions) {
    assert(members.length > 0, 'a mirror has members')
    this.#members = members
    this.#options = options
    this.#flags = new Int32Array(options.flags)
    this.#lagMs = members.map(() => 0)
    this.#startedMs = options.clock.monotonicMs()
  }

  isWhole(member: number): boolean {
    return Atomics.load(this.#flags, member) === 0
  }

  whole(): readonly number[] {
    return [...this.#members.keys()].filter(i => this.isWhole(i))
  }

  first(): number {
    const [first] = this.whole()
    if (first === undefined) throw this.#noneLeft()
    return first
  }

  drop(member: number, fault: Fault): void {
    this.#last = fault
    if (Atomics.compareExchange(this.#flags, member, 0, 1) === 0) this.#options.onDropped(member, fault)
  }

  /** Without `patienceMs` the wait is added up, and nobody may keep the others waiting for long in all. */
  async each(work: (member: number) => Promise<void>, patienceMs?: number): Promise<void> {
    const members = this.whole()
    const [only] = members
    if (only !== undefined && members.length === 1) return this.#alone(only, work)
    const pending = new Set(members)
    const firstDone = Promise.withResolvers<undefined>()
    const all = Promise.all(
      members.map(async i => {
        try {
          await work(i)
          firstDone.resolve(undefined)
        } catch (error) {
          this.drop(i, this.#faultOf(i, error))
        } finally {
          pending.delete(i)
        }
      }),
    )
    await Promise.race([all, firstDone.promise])
    await this.#waitForTheOthers(all, pending, patienceMs)
    if (this.whole().length === 0) throw this.#noneLeft()
  }

  async #alone(member: number, work: (member: number) => Promise<void>): Promise<void> {
    try {
      await work(member)
    } catch (error) {
      this.drop(member, this.#faultOf(member, error))
      throw error
    }
  }

  async #waitForTheOthers(
    all: Promise<unknown>,
    pending: ReadonlySet<number>,
    patienceMs: number | undefined,
  ): Promise<void> {
    const { clock } = this.#options
    if (pending.size === 0) return
    const since = clock.monotonicMs()
    const late = new Set(pending)
    const untilMs = since + (patienceMs ?? Math.min(...[...late].map(i => this.#patienceMs(i))))
    for (;;) {
      const leftMs = untilMs - clock.monotonicMs()
      await this.withinLag(all, Math.min(leftMs, limits.mirrorLookMs))
      // Another thread may have dropped those that we wait for.
      if (leftMs <= limits.mirrorLookMs || ![...pending].some(i => this.isWhole(i))) break
    }
    const waitedMs = clock.monotonicMs() - since
    for (const i of late) {
      if (patienceMs === undefined) this.#lagMs[i] = (this.#lagMs[i] ?? 0) + waitedMs
      if (pending.has(i) && this.isWhole(i))
        this.drop(i, this.#tooSlow(i, Math.max(waitedMs, this.#lagMs[i] ?? 0)))
    }
  }

  /** A little slower all the time is no harm; a lot, or a stand-still, is. */
  #patienceMs(member: number): number {
    const { clock } = this.#options
    const allowedMs = Math.max(limits.mirrorLagMsMax, (clock.monotonicMs() - this.#startedMs) / 4)
    return Math.max(0, allowedMs - (this.#lagMs[member] ?? 0))
  }

  async withinLag(work: Promise<unknown>, ms: number = limits.mirrorLagMsMax): Promise<void> {
    const done = new AbortController()
    const alarm = this.#options.clock.sleep(ms, done.signal).catch(() => undefined)
    await Promise.race([work, alarm])
    done.abort()
  }

  #faultOf(member: number, error: unknown): Fault {
    if (isFault(error)) return error
    return new Fault('FAILED', `${this.#nameOf(member)}: ${messageOf(error)}`, {
      hint: 'Please report this, with what `holdfast --version` says.',
      cause: error,
    })
  }

  #tooSlow(member: number, lagMs: number): Fault {
    const lag = formatDuration(lagMs)
    return new Fault('STORAGE_UNAVAILABLE', `${this.#nameOf(member)} kept the others waiting for ${lag}`, {
      hint: 'Look at the way to this repository; what it lacks is brought there later.',
    })
  }

  #nameOf(member: number): string {
    return `"${this.#members[member]?.name ?? ''}"`
  }

  /** Another thread may know better why. */
  #noneLeft(): Fault {
    return (
      this.#last ??
      new Fault('STORAGE_UNAVAILABLE', 'none of the repositories can be written to any more', {
        hint: 'Look at the repositories, and run the command again.',
      })
    )
  }
}

const taken = ({ location }: Storage, key: string): Fault => takenKey(`${key} in ${location}`)

const takenKey = (key: string): Fault =>
  new Fault('OBJECT_CONFLICT', `${key} is there already`, {
    hint: 'Run the backup again: it gets a new id, and thus new names.',
  })
