import { expect, test } from 'vitest'
import { limits } from '../../../base/limits.ts'
import { MiB, TiB } from '../../../base/units.ts'
import { partSizeBytes } from './part-sizes.ts'

test('parts are equal for long, then grow, never shrink, and reach the largest object', () => {
  const sizes = Array.from({ length: limits.objectPartsMax }, (_, i) => partSizeBytes(i))
  expect(new Set(sizes.slice(0, 1_000))).toEqual(new Set([8 * MiB]))
  expect(sizes.every((size, i) => size >= (sizes[i - 1] ?? 0))).toBe(true)
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(5 * TiB)
  // No server takes larger ones.
  expect(Math.max(...sizes)).toBeLessThanOrEqual(5 * 1024 * MiB)
})
