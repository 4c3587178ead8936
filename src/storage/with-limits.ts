/**
 * A limit of time for every step that waits on the storage: a hung mount or a silent server becomes a fault
 * instead of a process that waits for ever.
 *
 * A step is one call, one piece of a body that is read or written, or one entry of a list; so large objects may
 * take as long as they need while they move.
 */
import { Fault } from '../base/fault.ts'
import { inTime } from '../base/in-time.ts'
import { limits } from '../base/limits.ts'
import { formatDuration } from '../base/units.ts'
import type { Clock } from '../base/world.ts'
import { secondPorts } from './second-ports.ts'
import type { Body, ObjectWriter, Storage } from './storage.ts'

export function withLimits(
  inner: Storage,
  clock: Clock,
  stepMsMax: number = limits.storageRequestMsMax,
): Storage {
  const within = <T>(what: string, work: Promise<T>): Promise<T> =>
    inTime(work, clock, stepMsMax, () => tooLate(inner.location, what, stepMsMax))
  return {
    ...inner,
    put: (key, body, signal) => limitedPut(inner, key, body, signal, within),
    create: async (key, signal) =>
      limitedWriter(await within(`creating ${key}`, inner.create(key, signal)), key, within),
    get: (key, range, signal) => limitedSteps(inner.get(key, range, signal), `reading ${key}`, within),
    stat: (key, signal) => within(`looking at ${key}`, inner.stat(key, signal)),
    list: (what, signal) =>
      limitedSteps(
        inner.list(what, signal),
        `listing ${typeof what === 'string' ? what : what.prefix}`,
        within,
      ),
    delete: (keys, signal) => within(`deleting ${String(keys.length)} objects`, inner.delete(keys, signal)),
    retain: (key, until, signal) => within(`locking ${key}`, inner.retain(key, until, signal)),
    traits: signal => within('asking how it is set up', inner.traits(signal)),
    // A copy may take as long as a large object needs: its driver limits each of its requests.
    ...secondPorts(inner, (what, work) => (what.startsWith('copying') ? work() : within(what, work()))),
  }
}

type Within = <T>(what: string, work: Promise<T>) => Promise<T>

function limitedWriter(writer: ObjectWriter, key: string, within: Within): ObjectWriter {
  return {
    write: bytes => within(`writing ${key}`, writer.write(bytes)),
    commit: () => within(`committing ${key}`, writer.commit()),
    abort: () => within(`giving up ${key}`, writer.abort()),
  }
}

/** Each piece that the driver takes from the body shows that it is alive, and starts the time anew. */
async function limitedPut(
  inner: Storage,
  key: string,
  body: Body,
  signal: AbortSignal,
  within: Within,
): Promise<'written' | 'taken'> {
  const stop = new AbortController()
  const steps = openSteps()
  const watched: Body = {
    sizeBytes: body.sizeBytes,
    async *open() {
      for await (const piece of body.open()) {
        steps.taken()
        yield piece
      }
    },
  }
  const outcome = inner.put(key, watched, AbortSignal.any([signal, stop.signal]))
  outcome.catch(() => undefined)
  try {
    for (;;) {
      const step = await within(`writing ${key}`, Promise.race([outcome, steps.next()]))
      if (step !== 'step') return step
    }
  } catch (error) {
    stop.abort(error)
    throw error
  }
}

function openSteps(): { taken(): void; next(): Promise<'step'> } {
  let wake = Promise.withResolvers<'step'>()
  return {
    taken() {
      wake.resolve('step')
      wake = Promise.withResolvers<'step'>()
    },
    next: () => wake.promise,
  }
}

async function* limitedSteps<T>(stream: AsyncIterable<T>, what: string, within: Within): AsyncGenerator<T> {
  const steps = stream[Symbol.asyncIterator]()
  let hung = false
  try {
    for (;;) {
      hung = true
      const step = await within(what, steps.next())
      hung = false
      if (step.done === true) return
      yield step.value
    }
  } finally {
    // A generator that hangs in next() would hang in return(), too.
    if (!hung) await steps.return?.()
  }
}

function tooLate(location: string, what: string, msMax: number): Fault {
  return new Fault(
    'STORAGE_UNAVAILABLE',
    `${location} gave no answer for ${formatDuration(msMax)} while ${what}`,
    {
      hint: 'Check that the storage can be reached: a mount whose server is gone hangs like this.',
    },
  )
}
