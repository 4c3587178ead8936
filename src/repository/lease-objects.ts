/**
 * The objects that a lease is made of: one for each time it is acquired, renewed or released, numbered upwards.
 *
 * The object with the highest number is the truth; lower ones are history and are deleted when somebody gets to it.
 * Numbers never start again, so that a process that slept through losing its lease can not come back with a number
 * that is current once more.
 */
import { Fault, isFault } from '../base/fault.ts'
import { encodeLeaseRecord, parseLeaseRecord, type LeaseRecord } from './format/lease-record.ts'
import { leaseFolder, leaseKey } from './layout.ts'
import { deleteBelow, readHighest } from './numbered-objects.ts'
import { writeOnce } from './objects.ts'
import type { Repository } from './repository.ts'

export type LeaseName = 'backup' | 'dump' | 'drill' | 'expire'

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

export function openLeaseObjects({ storage, identity }: Repository, name: LeaseName): LeaseObjects {
  const folder = leaseFolder(identity.cluster, name)
  const keyOf = (counter: number): string => leaseKey(identity.cluster, name, counter)
  /** The highest number seen: what is below need not be listed again. */
  let known = 0
  /** Where old objects may not be deleted, they pile up, and are left alone. */
  let mayTidy = true

  const latest = async (signal: AbortSignal): Promise<LeaseObject | undefined> => {
    const current = await readHighest(storage, folder, parseLeaseRecord, signal, known)
    known = current?.number ?? 0
    return current && { counter: current.number, record: current.value }
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
      if (!mayTidy) return
      await quietly(async () => {
        mayTidy = await deleteBelow(storage, folder, current, signal)
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
