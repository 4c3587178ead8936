/**
 * Objects that are numbered upwards in a folder, of which the one with the highest number counts: leases, the index of
 * the catalogue, notes of locks.
 *
 * Lower ones are deleted by whoever may. Where nobody may, they pile up, and the highest is found by leaps instead of
 * by listing them all: a hundred thousand of them cost some fifteen requests.
 */
import { Fault, isFault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import type { Storage } from '../storage/storage.ts'
import { numberedKey } from './layout.ts'
import { readWhole } from './objects.ts'

/** The highest number there is; 0 when there is none. `known`: one that was the highest a moment ago. */
export async function highestNumber(
  storage: Storage,
  folder: string,
  signal: AbortSignal,
  known = 0,
): Promise<number> {
  // The one that is known is looked for again: a place that was emptied has to be noticed.
  const near = await lookAfter(storage, folder, Math.max(0, known - 1), signal)
  if (near.highest === 0 && known > 0) return highestNumber(storage, folder, signal)
  if (near.isEnd) return near.highest
  return leapFrom(storage, folder, near.highest, signal)
}

/** There are more than were looked at: doubles the distance until there is nothing, and halves it again. */
async function leapFrom(
  storage: Storage,
  folder: string,
  from: number,
  signal: AbortSignal,
): Promise<number> {
  const step = limits.storageListPageKeys
  const firstAfter = (number: number): Promise<number> =>
    lookAfter(storage, folder, number, signal, 1).then(({ highest }) => highest)
  let there = from
  let beyond = from + step
  for (let found; (found = await firstAfter(beyond)) > 0; beyond = there + 2 * (beyond - from)) there = found
  while (beyond - there > step) {
    const middle = Math.floor((there + beyond) / 2)
    const found = await firstAfter(middle)
    if (found > 0) there = found
    else beyond = middle
  }
  const rest = await lookAfter(storage, folder, there, signal)
  return Math.max(there, rest.highest)
}

/** Looks at no more than what a storage tells in one answer. */
async function lookAfter(
  storage: Storage,
  folder: string,
  number: number,
  signal: AbortSignal,
  countMax: number = limits.storageListPageKeys,
): Promise<{ readonly highest: number; readonly isEnd: boolean }> {
  const prefix = `${folder}/`
  let highest = 0
  let count = 0
  for await (const { key } of storage.list(
    { prefix, after: number > 0 ? numberedKey(folder, number) : undefined },
    signal,
  )) {
    highest = Math.max(highest, numberOf(key))
    if (++count >= countMax) return { highest, isEnd: false }
  }
  return { highest, isEnd: true }
}

/** 0 for what is none. */
export function numberOf(key: string): number {
  return Number(/\/(\d{8})\.json$/.exec(key)?.[1] ?? 0)
}

export interface NumberedObject<T> {
  readonly number: number
  readonly value: T
}

/** Reading the highest again when a higher one was written, and it was deleted, between being found and being read. */
const attemptsMax = 20

/** The object with the highest number; undefined when there is none. */
export async function readHighest<T>(
  storage: Storage,
  folder: string,
  parse: (bytes: Uint8Array, what: string) => T,
  signal: AbortSignal,
  known = 0,
): Promise<NumberedObject<T> | undefined> {
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    const number = await highestNumber(storage, folder, signal, known)
    if (number === 0) return undefined
    const key = numberedKey(folder, number)
    const bytes = await readWhole(storage, key, limits.recordSizeBytesMax, signal)
    if (bytes) return { number, value: parse(bytes, key) }
  }
  throw new Fault('STORAGE_UNAVAILABLE', `${folder} changes faster than it can be read`, {
    hint: 'Try again; if this lasts, look at which hosts work on this cluster.',
  })
}

/**
 * Deletes the oldest of those below `number`, as many as a storage takes at once. False when they may not be deleted
 * here: then they stay, which harms nobody, and trying again is of no use.
 */
export async function deleteBelow(
  storage: Storage,
  folder: string,
  number: number,
  signal: AbortSignal,
): Promise<boolean> {
  const old: string[] = []
  for await (const { key } of storage.list(`${folder}/`, signal)) {
    if (numberOf(key) >= number || old.length === limits.storageListPageKeys) break
    if (numberOf(key) > 0) old.push(key)
  }
  if (old.length === 0) return true
  try {
    await storage.delete(old, signal)
    return true
  } catch (error) {
    if (isFault(error, 'STORAGE_DENIED', 'OBJECT_LOCKED')) return false
    throw error
  }
}
