/** A limit of time for something that may never end. */
import type { Clock } from './world.ts'

/**
 * What `work` gives, or `late` thrown after `msMax`. The work itself goes on, unheard: give it a signal of its own
 * where it can be told to stop.
 */
export async function inTime<T>(
  work: Promise<T>,
  clock: Pick<Clock, 'sleep'>,
  msMax: number,
  late: () => Error,
): Promise<T> {
  work.catch(() => undefined)
  const done = new AbortController()
  const alarm = clock.sleep(msMax, done.signal).then(() => {
    throw late()
  })
  alarm.catch(() => undefined)
  try {
    return await Promise.race([work, alarm])
  } finally {
    done.abort()
  }
}
