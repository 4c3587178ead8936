/**
 * How large the parts of an object are whose length is not known before: equal for as long as possible, since some
 * servers demand it, and then growing, so that the number of parts that servers allow is enough for the largest object
 * that they allow.
 */
import { assert } from '../../../base/assert.ts'
import { limits } from '../../../base/limits.ts'
import { TiB } from '../../../base/units.ts'

const objectSizeBytesMax = 5 * TiB

/** Of the part with this number, counted from 0. */
export function partSizeBytes(index: number): number {
  return limits.objectPartSizeBytes * 2 ** Math.floor(index / limits.objectPartsEqual)
}

const reachedBytes = Array.from({ length: limits.objectPartsMax }, (_, i) => partSizeBytes(i)).reduce(
  (sum, size) => sum + size,
  0,
)
assert(reachedBytes >= objectSizeBytesMax, 'as many parts as are allowed reach the largest object')
