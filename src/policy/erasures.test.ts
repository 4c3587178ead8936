import { expect, test } from 'vitest'
import { holdsErasure } from './erasures.ts'

const request = { lsn: '0/5000000', timeline: 2, settled: true }

test.each([
  ['behind it on its timeline', [{ timeline: 2, lsn: 0x5000000n }], true],
  ['before it on its timeline', [{ timeline: 2, lsn: 0x4ffffffn }], false],
  ['on another timeline only', [{ timeline: 3, lsn: 0x9000000n }], false],
  [
    'past it on the way to a later timeline',
    [
      { timeline: 1, lsn: 0x3000000n },
      { timeline: 2, lsn: 0x6000000n },
    ],
    true,
  ],
  ['nowhere that is known', [], false],
] as const)('a state that stands %s', (_, reached, holds) => {
  expect(holdsErasure(reached, request)).toBe(holds)
})

test('a request is applied to any state when the server was not seen without the person', () => {
  const reached = [{ timeline: 2, lsn: 0x9000000n }]
  expect(holdsErasure(reached, { ...request, settled: false })).toBe(false)
  expect(holdsErasure(reached, { ...request, lsn: null })).toBe(false)
})
