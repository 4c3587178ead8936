/** A place that is read as it was at an earlier time: nothing can be written there. */
import { Fault } from '../../../base/fault.ts'
import { formatTime } from '../../../base/units.ts'
import type { Storage } from '../../storage.ts'

export function readOnlyAsOf(storage: Storage, asOfMs: number): Storage {
  const refuse = (): Promise<never> =>
    Promise.reject(
      new Fault(
        'STORAGE_UNSUPPORTED',
        `${storage.location} is read as it was at ${formatTime(asOfMs)}: nothing can be written there`,
        { hint: 'Leave --as-of away to write.' },
      ),
    )
  return {
    ...storage,
    put: refuse,
    create: refuse,
    delete: refuse,
    retain: refuse,
    copying: undefined,
    thawing: undefined,
  }
}
