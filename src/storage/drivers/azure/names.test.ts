import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyOfName, nameFor } from './names.ts'

const pieces = fc
  .array(fc.constantFrom('\\', '%5C', '%255C', '%25', '25', '5C', '%', 'a', '/'))
  .map(all => all.join(''))

test('every key has a name without a backslash, and gets its key back', () => {
  fc.assert(
    fc.property(pieces, key => {
      expect(nameFor(key)).not.toContain('\\')
      expect(keyOfName(nameFor(key))).toBe(key)
    }),
  )
})

test('keys without a backslash are their own names', () => {
  expect(nameFor('gathr/wal/00000001/per%cent%20')).toBe('gathr/wal/00000001/per%cent%20')
})
