/**
 * Lists in the order of the whole key's UTF-8 bytes, holding the names of one folder per level at a time.
 *
 * Within a folder, a subfolder sorts as its name with the `/` that all its keys have after it: `a.b` comes before
 * `a/x`, and that before `a0`.
 */
import type { Dirent } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { compareKeys, type KeyRange } from '../../key.ts'
import type { ObjectInfo } from '../../storage.ts'
import { guarded } from './faults.ts'
import { parentOf } from './folders.ts'
import { pathOf, type Place } from './place.ts'
import { isAbsence } from './reader.ts'

/** How many files are asked for their size at once. */
const statsAtOnce = 32

export async function* listObjects(
  place: Place,
  range: KeyRange,
  signal: AbortSignal,
): AsyncGenerator<ObjectInfo, void, undefined> {
  const folder = parentOf(range.prefix)
  yield* listFolder(place, folder === '' ? '' : `${folder}/`, range, signal)
}

/** `folder` is `''` or ends in `/`. */
async function* listFolder(
  place: Place,
  folder: string,
  range: KeyRange,
  signal: AbortSignal,
): AsyncGenerator<ObjectInfo, void, undefined> {
  const entries = await readFolder(place, folder)
  const keys = entries
    .filter(entry => entry.isDirectory() || entry.isFile())
    .map(entry => `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`)
    .filter(key => (key.endsWith('/') ? range.reaches(key) : range.isIn(key)))
    .sort(compareKeys)
  for (let next = 0; next < keys.length;) {
    signal.throwIfAborted()
    const run = takeFiles(keys, next)
    next += run.length
    yield* await infosOf(place, run)
    const subfolder = keys[next]
    if (subfolder?.endsWith('/') !== true) continue
    yield* listFolder(place, subfolder, range, signal)
    next++
  }
}

async function readFolder(place: Place, folder: string): Promise<Dirent[]> {
  try {
    const path = pathOf(place, folder)
    const entries = await guarded('list', path, () => readdir(path, { withFileTypes: true }))
    return entries.filter(entry => !isForeign(folder, entry.name))
  } catch (error) {
    if (isAbsence(error)) return []
    throw error
  }
}

/** Dotted names are ours or the file system's (`.staging`, `.snapshot`); `lost+found` stands at the top of ext4. */
function isForeign(folder: string, name: string): boolean {
  return name.startsWith('.') || (folder === '' && name === 'lost+found')
}

function takeFiles(keys: readonly string[], from: number): readonly string[] {
  let to = from
  while (to < keys.length && to - from < statsAtOnce && keys[to]?.endsWith('/') === false) to++
  return keys.slice(from, to)
}

async function infosOf(place: Place, keys: readonly string[]): Promise<ObjectInfo[]> {
  const infos = await Promise.all(keys.map(key => infoOf(place, key)))
  return infos.filter(info => info !== undefined)
}

/** Undefined when there is no such object (any more). */
export async function infoOf(place: Place, key: string): Promise<ObjectInfo | undefined> {
  const path = pathOf(place, key)
  try {
    const info = await guarded('look at', path, () => lstat(path))
    return info.isFile() ? { key, sizeBytes: info.size, modifiedMs: info.mtimeMs } : undefined
  } catch (error) {
    if (isAbsence(error)) return undefined
    throw error
  }
}
