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

/** What lies behind a file in its folder; asked for once, also when several ask at the same time. */
interface Listing {
  readonly folder: string
  readonly after: string
  readonly keys: Promise<ReadonlySet<string>>
}

export function openTwins(storage: Storage): (key: string, signal: AbortSignal) => Promise<boolean> {
  let isFirst = true
  let listing: Listing | undefined
  let served = 0
  const list = (folder: string, key: string): Listing => {
    const after = key.slice(0, key.indexOf('.', folder.length))
    const listed = { folder, after, keys: keysAfter(storage, folder, after) }
    listed.keys.catch(() => {
      // Whoever waits for it is told; the next one asks again.
      if (listing === listed) listing = undefined
    })
    return listed
  }
  return async (key, signal) => {
    const folder = key.slice(0, key.lastIndexOf('/') + 1)
    // History files lie above the folders of all segments, which nobody wants to list for them.
    if (isFirst || !segmentFolder.test(folder)) {
      isFirst = false
      return true
    }
    if (listing?.folder !== folder || key <= listing.after || served++ >= filesPerList) {
      listing = list(folder, key)
      served = 0
    }
    const keys = await listing.keys
    signal.throwIfAborted()
    return keys.has(key)
  }
}

async function keysAfter(storage: Storage, prefix: string, after: string): Promise<ReadonlySet<string>> {
  const keys = new Set<string>()
  for await (const { key } of storage.list({ prefix, after }, never)) keys.add(key)
  return keys
}

/** Who asks first must not take the answer from the others when told to stop; each request has its own limit of time. */
const never = new AbortController().signal
