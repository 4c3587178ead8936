/** Counts what is asked of a storage as object storage does: a list is a request for each thousand keys that are taken from it. */
import type { Storage } from '../../src/storage/storage.ts'

export interface Requests {
  put: number
  get: number
  list: number
  stat: number
  delete: number
  retain: number
}

const keysInAnAnswer = 1000

export function countRequests(inner: Storage): { storage: Storage; requests: Requests; total(): number } {
  const requests: Requests = { put: 0, get: 0, list: 0, stat: 0, delete: 0, retain: 0 }
  const storage: Storage = {
    ...inner,
    put(key, body, signal) {
      requests.put++
      return inner.put(key, body, signal)
    },
    get(key, range, signal) {
      requests.get++
      return inner.get(key, range, signal)
    },
    stat(key, signal) {
      requests.stat++
      return inner.stat(key, signal)
    },
    async *list(what, signal) {
      requests.list++
      let count = 0
      for await (const info of inner.list(what, signal)) {
        if (count > 0 && count % keysInAnAnswer === 0) requests.list++
        count++
        yield info
      }
    },
    delete(keys, signal) {
      requests.delete++
      return inner.delete(keys, signal)
    },
    retain(key, until, signal) {
      requests.retain++
      return inner.retain(key, until, signal)
    },
  }
  return {
    storage,
    requests,
    total: () => Object.values(requests).reduce((sum: number, n: number) => sum + n, 0),
  }
}
