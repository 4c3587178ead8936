/** A storage in memory, for tests and simulations. Passes the same contract as the real ones. */
import { assert } from '../../base/assert.ts'
import { Fault } from '../../base/fault.ts'
import type { Clock } from '../../base/world.ts'
import { assertKey, compareKeys, rangeOf } from '../key.ts'
import type { Body, ObjectInfo, ObjectWriter, Retention, Storage } from '../storage.ts'

interface Stored {
  readonly bytes: Uint8Array
  readonly modifiedMs: number
  readonly retention?: Retention | undefined
}

export function openMemoryStorage(clock: Pick<Clock, 'now'>, location = 'memory:'): Storage {
  const objects = new Map<string, Stored>()

  const publish = (key: string, bytes: Uint8Array): 'written' | 'taken' => {
    if (objects.has(key)) return 'taken'
    objects.set(key, { bytes, modifiedMs: clock.now() })
    return 'written'
  }

  return {
    location,
    put: async (key, body, signal) => {
      assertKey(key)
      const bytes = await collect(body, signal)
      return publish(key, bytes)
    },
    async create(key, signal) {
      assertKey(key)
      await turn(signal)
      return openWriter(bytes => publish(key, bytes), signal)
    },
    async *get(key, range, signal) {
      assertKey(key)
      await turn(signal)
      const stored = objects.get(key)
      if (!stored) throw missing(key)
      const piece = new Uint8Array(stored.bytes.subarray(range?.startBytes ?? 0, range?.endBytes))
      if (piece.length > 0) yield piece
    },
    async stat(key, signal) {
      assertKey(key)
      await turn(signal)
      const stored = objects.get(key)
      return stored && infoOf(key, stored)
    },
    async *list(what, signal) {
      const { isIn } = rangeOf(what)
      for (const key of [...objects.keys()].filter(isIn).sort(compareKeys)) {
        await turn(signal)
        const stored = objects.get(key)
        if (stored) yield infoOf(key, stored)
      }
    },
    async delete(keys, signal) {
      keys.forEach(assertKey)
      await turn(signal)
      const locked = keys.find(key => (objects.get(key)?.retention?.untilMs ?? 0) > clock.now())
      if (locked !== undefined) throw lockedFault(locked, objects.get(locked)?.retention)
      for (const key of keys) objects.delete(key)
    },
    async retain(key, until, signal) {
      assertKey(key)
      await turn(signal)
      const stored = objects.get(key)
      if (!stored) throw missing(key)
      if ((stored.retention?.untilMs ?? 0) >= until.untilMs) return
      objects.set(key, { ...stored, retention: until })
    },
    copying: {
      async copy(from, to, _, signal) {
        assertKey(from)
        assertKey(to)
        await turn(signal)
        const source = objects.get(from)
        if (!source) throw missing(from)
        if (publish(to, source.bytes) === 'written') return 'proven'
        return Buffer.from(source.bytes).equals(objects.get(to)?.bytes ?? new Uint8Array())
          ? 'proven'
          : 'different'
      },
    },
    traits: () => Promise.resolve({ versioned: false, lockable: true }),
    close: () => Promise.resolve(),
  }
}

function openWriter(publish: (bytes: Uint8Array) => 'written' | 'taken', signal: AbortSignal): ObjectWriter {
  const pieces: Uint8Array[] = []
  let open = true
  return {
    async write(bytes) {
      assert(open, 'a writer is used only until it is committed or aborted')
      await turn(signal)
      pieces.push(new Uint8Array(bytes))
    },
    async commit() {
      assert(open, 'a writer is used only until it is committed or aborted')
      await turn(signal)
      open = false
      return publish(Buffer.concat(pieces))
    },
    abort() {
      open = false
      return Promise.resolve()
    },
  }
}

async function collect(body: Body, signal: AbortSignal): Promise<Uint8Array> {
  await turn(signal)
  const pieces: Uint8Array[] = []
  for await (const piece of body.open()) pieces.push(new Uint8Array(piece))
  signal.throwIfAborted()
  const bytes = Buffer.concat(pieces)
  assert(bytes.length === body.sizeBytes, 'a body has the size it promised')
  return bytes
}

/** Everything takes a turn of the event loop, as it would in the world, so that simulations interleave. */
async function turn(signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  await Promise.resolve()
}

function infoOf(key: string, { bytes, modifiedMs, retention }: Stored): ObjectInfo {
  return { key, sizeBytes: bytes.length, modifiedMs, retainedUntilMs: retention?.untilMs }
}

function missing(key: string): Fault {
  return new Fault('OBJECT_MISSING', `${key} is not there`, { hint: 'Look at what else is missing.' })
}

function lockedFault(key: string, retention: Retention | undefined): Fault {
  const until = new Date(retention?.untilMs ?? 0).toISOString()
  return new Fault('OBJECT_LOCKED', `${key} is locked until ${until}`, { hint: 'Delete it after that time.' })
}
