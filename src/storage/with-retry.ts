/**
 * Tries again what fails for a passing reason.
 *
 * After a retry `taken` may mean our own first try, whose answer was lost: who needs to know reads back. A read
 * that breaks off goes on where it broke off, which is right because objects never change. Writers are left alone:
 * the driver repeats their parts inside, or the whole object is written again by the caller.
 */
import type { Retry } from '../base/retry.ts'
import { secondPorts } from './second-ports.ts'
import type { ByteRange, ListRange, ObjectInfo, Storage } from './storage.ts'

export function withRetry(inner: Storage, retry: Retry): Storage {
  return {
    ...inner,
    put: (key, body, signal) => retry(() => inner.put(key, body, signal), signal),
    create: (key, signal) => retry(() => inner.create(key, signal), signal),
    get: (key, range, signal) => resumedGet(inner, retry, key, range, signal),
    stat: (key, signal) => retry(() => inner.stat(key, signal), signal),
    list: (what, signal) => resumedList(inner, retry, what, signal),
    delete: (keys, signal) => retry(() => inner.delete(keys, signal), signal),
    retain: (key, until, signal) => retry(() => inner.retain(key, until, signal), signal),
    traits: signal => retry(() => inner.traits(signal), signal),
    ...secondPorts(inner, (_, work, signal) => retry(work, signal)),
  }
}

function resumedGet(
  inner: Storage,
  retry: Retry,
  key: string,
  range: ByteRange | undefined,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  let startBytes = range?.startBytes ?? 0
  return resumed(
    () => inner.get(key, { startBytes, endBytes: range?.endBytes ?? Number.MAX_SAFE_INTEGER }, signal),
    piece => (startBytes += piece.length),
    retry,
    signal,
  )
}

function resumedList(
  inner: Storage,
  retry: Retry,
  what: string | ListRange,
  signal: AbortSignal,
): AsyncIterable<ObjectInfo> {
  const prefix = typeof what === 'string' ? what : what.prefix
  let after = typeof what === 'string' ? undefined : what.after
  return resumed(
    () => inner.list({ prefix, after }, signal),
    ({ key }) => (after = key),
    retry,
    signal,
  )
}

/** Opens the stream again at the place it had reached. Each new item gives the retries their whole budget back. */
async function* resumed<T>(
  open: () => AsyncIterable<T>,
  reached: (item: T) => unknown,
  retry: Retry,
  signal: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  let stream: AsyncIterator<T> | undefined
  const next = async (): Promise<IteratorResult<T>> => {
    const current = (stream ??= open()[Symbol.asyncIterator]())
    try {
      return await current.next()
    } catch (error) {
      stream = undefined
      throw error
    }
  }
  try {
    for (let step = await retry(next, signal); step.done !== true; step = await retry(next, signal)) {
      reached(step.value)
      yield step.value
    }
  } finally {
    await stream?.return?.()
  }
}
