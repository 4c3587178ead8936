/**
 * A storage in which what people see under one prefix lies under another: a repository inside a repository is read and
 * written by the same code as the one around it.
 */
import { assert } from '../base/assert.ts'
import { secondPorts } from './second-ports.ts'
import type { ListRange, ObjectInfo, Storage } from './storage.ts'

/** Plain data: it is part of a description. Prefixes end in `/`. */
export interface Moved {
  readonly seen: string
  readonly lies: string
  /** Keys under `seen` that both have in common: they stay where they are. */
  readonly common: readonly string[]
  /** For people, behind the location. */
  readonly name: string
}

export function withMoved(inner: Storage, moved: Moved): Storage {
  const { seen, lies, common, name } = moved
  assert(seen.endsWith('/') && lies.endsWith('/'), 'what is moved are folders')
  const toInner = (key: string): string =>
    key.startsWith(seen) && !common.includes(key) ? lies + key.slice(seen.length) : key
  const toSeen = (info: ObjectInfo): ObjectInfo => ({ ...info, key: seen + info.key.slice(lies.length) })
  const { copying, thawing } = secondPorts(inner, (_, work) => work())
  return {
    ...inner,
    location: `${inner.location} (${name})`,
    put: (key, body, signal) => inner.put(toInner(key), body, signal),
    create: (key, signal) => inner.create(toInner(key), signal),
    get: (key, range, signal) => inner.get(toInner(key), range, signal),
    async stat(key, signal) {
      const info = await inner.stat(toInner(key), signal)
      return info && { ...info, key }
    },
    async *list(what, signal) {
      for await (const info of inner.list(rangeWithin(what, seen, lies), signal)) yield toSeen(info)
    },
    delete: (keys, signal) => inner.delete(keys.map(toInner), signal),
    retain: (key, until, signal) => inner.retain(toInner(key), until, signal),
    copying: copying && {
      copy: (from, to, unproven, signal) => copying.copy(toInner(from), toInner(to), unproven, signal),
    },
    thawing: thawing && {
      isCold: storageClass => thawing.isCold(storageClass),
      state: (key, signal) => thawing.state(toInner(key), signal),
      request: (key, wish, signal) => thawing.request(toInner(key), wish, signal),
    },
  }
}

/** Only what lies in the folder can be listed. */
function rangeWithin(what: string | ListRange, seen: string, lies: string): ListRange {
  const { prefix, after } = typeof what === 'string' ? { prefix: what, after: undefined } : what
  assert(prefix.startsWith(seen), `${JSON.stringify(prefix)} is within ${seen}`)
  const moved = (key: string): string => lies + key.slice(seen.length)
  return {
    prefix: moved(prefix),
    ...(after?.startsWith(seen) === true ? { after: moved(after) } : {}),
  }
}
