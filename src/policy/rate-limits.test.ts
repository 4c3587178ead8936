import { expect, test } from 'vitest'
import { MiB } from '../base/units.ts'
import { changed, limitsInForce, rateInForce } from './rate-limits.ts'

const stated = { read: 200 * MiB, network: undefined }

test('the configuration holds as long as nobody asks for something else', () => {
  expect(limitsInForce({ stated, changes: {} }, 0)).toEqual(stated)
  expect(rateInForce({ stated, changes: {} }, 'read', 0)).toEqual({
    bytesPerSecond: 200 * MiB,
    from: 'configuration',
    untilMs: undefined,
  })
})

test('a change holds until its time is over, and `none` is a change, too', () => {
  const rates = { stated, changes: changed({}, { read: null, network: 5 * MiB }, 1000) }
  expect(limitsInForce(rates, 999)).toEqual({ read: undefined, network: 5 * MiB })
  expect(rateInForce(rates, 'read', 999)).toMatchObject({ from: 'change', untilMs: 1000 })
  expect(limitsInForce(rates, 1000)).toEqual(stated)
})

test('a change of one rate leaves the other as it is', () => {
  const first = changed({}, { read: 10 * MiB }, 1000)
  const both = changed(first, { network: 5 * MiB }, undefined)
  expect(limitsInForce({ stated, changes: both }, 999)).toEqual({ read: 10 * MiB, network: 5 * MiB })
  expect(limitsInForce({ stated, changes: both }, 5000)).toEqual({ read: 200 * MiB, network: 5 * MiB })
})
