/** Many pieces of work, a few of them at a time. */

/**
 * Starts them in order. The first that fails stops the others, through the signal that each is given; it is thrown when
 * all that were under way have ended, so nothing goes on behind the caller's back.
 */
export async function inParallel<Item>(
  items: Iterable<Item>,
  countMax: number,
  work: (item: Item, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted()
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  const iterator = items[Symbol.iterator]()
  const failures: unknown[] = []
  const run = async (): Promise<void> => {
    try {
      for (let next = iterator.next(); next.done !== true && !either.aborted; next = iterator.next())
        await work(next.value, either)
    } catch (error) {
      failures.push(error)
      stop.abort(error)
    }
  }
  await Promise.all(Array.from({ length: countMax }, run))
  if (failures.length > 0) throw failures[0]
  signal.throwIfAborted()
}
