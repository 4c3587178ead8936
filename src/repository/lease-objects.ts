/**
 * The objects that a lease is made of: one for each time it is acquired, renewed or released, numbered upwards.
 *
 * The object with the highest number is the truth; lower ones are history and are deleted when somebody gets to it.
 * Numbers never start again, so that a process that slept through losing its lease can not come back with a number
 * that is current once more.
 */
import { Fault, isFault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { encodeLeaseRecord, parseLeaseRecord, type LeaseRecord } from './format/lease-record.ts'
import { leaseFolder, leaseKey } from './layout.ts'
import { readWhole, writeOnce } from './objects.ts'
import type { Repository } from './repository.ts'

export type LeaseName = 'backup' | 'expire'

export interface LeaseObject {
  readonly counter: number
  readonly record: LeaseRecord
}

export interface LeaseObjects {
  /** The current object; undefined when the lease was never held. */
  latest(signal: AbortSignal): Promise<LeaseObject | undefined>
  /**
   * Tries to make this the current object, and tells which one is. The write may have been done by an earlier try
   * whose answer was lost, or too late, under a number that others have used and deleted: so what counts is not
   * what became of it, but which object stands highest afterwards.
   */
  claim(object: LeaseObject, signal: AbortSignal): Promise<LeaseObject>
  /** Removes history. Where nothing may be deleted, it stays; that is harmless. */
  tidy(current: number, signal: AbortSignal): Promise<void>
}

/** Reading the latest one again when it was renewed, and the old one deleted, between being listed and being read. */
const attemptsMax = 20

export function openLeaseObjects({ storage, identity }: Repository, name: LeaseName): LeaseObjects {
  const keyOf = (counter: number): string => leaseKey(identity.cluster, name, counter)

  const counters = async (signal: AbortSignal): Promise<number[]> => {
    const keys = await Array.fromAsync(storage.list(`${leaseFolder(identity.cluster, name)}/`, signal))
    return keys.map(({ key }) => Number(/(\d{8})\.json$/.exec(key)?.[1] ?? 0))
  }

  const latest = async (signal: AbortSignal): Promise<LeaseObject | undefined> => {
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      const counter = Math.max(0, ...(await counters(signal)))
      if (counter === 0) return undefined
      const bytes = await readWhole(storage, keyOf(counter), limits.recordSizeBytesMax, signal)
      if (bytes) return { counter, record: parseLeaseRecord(bytes, keyOf(counter)) }
    }
    throw new Fault('STORAGE_UNAVAILABLE', `the lease "${name}" changes faster than it can be read`, {
      hint: 'Try again; if this lasts, look at which hosts work on this cluster.',
    })
  }

  return {
    latest,
    async claim(object, signal) {
      await writeOnce(storage, keyOf(object.counter), encodeLeaseRecord(object.record), signal)
      const current = await latest(signal)
      if (!current) throw vanished(name)
      if (current.counter > object.counter)
        await quietly(() => storage.delete([keyOf(object.counter)], signal))
      return current
    },
    async tidy(current, signal) {
      await quietly(async () => {
        const old = (await counters(signal)).filter(counter => counter > 0 && counter < current)
        if (old.length > 0) await storage.delete(old.map(keyOf), signal)
      })
    },
  }
}

/** Old objects are in nobody's way. */
async function quietly(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!isFault(error)) throw error
  }
}

function vanished(name: LeaseName): Fault {
  return new Fault('STORAGE_UNAVAILABLE', `the lease "${name}" was written, and is gone`, {
    hint: 'Find out what deletes objects from the repository.',
  })
}
