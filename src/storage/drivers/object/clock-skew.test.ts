import { expect, test } from 'vitest'
import { skewBetween } from './clock-skew.ts'

test.each([
  ['before the question', 90, -10],
  ['at the question', 100, 0],
  ['while the answer was on its way', 150, 0],
  ['at the answer', 200, 0],
  ['after the answer', 230, 30],
])('a server whose time is %s', (_, serverMs, skewMs) => {
  expect(skewBetween(serverMs, { askedMs: 100, answeredMs: 200 })).toBe(skewMs)
})
