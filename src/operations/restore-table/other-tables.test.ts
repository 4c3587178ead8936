import { expect, test } from 'vitest'
import { namesIn } from './other-tables.ts'

test('names are found as they are written and as they are folded, quoted ones as they are', () => {
  expect(namesIn('DELETE FROM public."Odd ""one""" WHERE Forget(id)')).toEqual(
    expect.arrayContaining(['Odd "one"', 'Forget', 'forget', 'public']),
  )
})
