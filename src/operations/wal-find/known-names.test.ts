import { expect, test } from 'vitest'
import { parseNamePattern } from '../../postgres/dump-archive/name-pattern.ts'
import { nearNames } from './known-names.ts'

test('what is called nearly so is told, those of the same schema first, and never where tables only pass through', () => {
  const pattern = parseNamePattern('public.usres')
  if (!pattern) throw new Error('assertion failed: that is a name')
  const names = ['holdfast_042619675c52', 'sales', 'public', 'holdfast_042619675c52_2'].map(schema => ({
    schema,
    name: 'users',
  }))
  expect(nearNames(pattern, names)).toEqual(['public.users', 'sales.users'])
})
