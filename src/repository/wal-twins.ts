/**
 * Whether a WAL file lies there under its other name: sealed where new ones are not, or the other way round.
 *
 * Looking at one costs a request for each file. So a process that stores many (they come in the order of their names)
 * asks for the first alone, and then for what lies behind in its folder, for the next ones at once. What another host
 * stores under the other name in the meantime is not seen: it would have to be configured otherwise, and to be archiving
 * the same WAL at the same time.
 */
import type { Storage } from '../storage/storage.ts'

/** One list serves so many files. */
const filesPerList = 256

const segmentFolder = /\/[0-9A-F]{8}\/[0-9A-F]{8}\/$/

export function openTwins(storage: Storage): (key: string, signal: AbortSignal) => Promise<boolean> {
  let isFirst = true
  let listed:
    { readonly folder: string; readonly after: string; readonly keys: ReadonlySet<string> } | undefined
  let served = 0
  return async (key, signal) => {
    const folder = key.slice(0, key.lastIndexOf('/') + 1)
    // History files lie above the folders of all segments, which nobody wants to list for them.
    if (isFirst || !segmentFolder.test(folder)) {
      isFirst = false
      return true
    }
    if (listed?.folder !== folder || key <= listed.after || served++ >= filesPerList) {
      const after = key.slice(0, key.indexOf('.', folder.length))
      listed = { folder, after, keys: await keysAfter(storage, folder, after, signal) }
      served = 0
    }
    return listed.keys.has(key)
  }
}

async function keysAfter(
  storage: Storage,
  prefix: string,
  after: string,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const keys = new Set<string>()
  for await (const { key } of storage.list({ prefix, after }, signal)) keys.add(key)
  return keys
}
