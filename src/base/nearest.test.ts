import { expect, test } from 'vitest'
import { nearest } from './nearest.ts'

const words = ['repositories', 'recipients', 'url', 'workers', 'wal', 'data_directory']

test.each([
  ['repositorys', 'repositories'],
  ['recipeints', 'recipients'],
  ['wrokers', 'workers'],
  ['URL', 'url'],
  ['ulr', 'url'],
  ['data_dir', 'data_directory'],
  ['retention', undefined],
  ['x', undefined],
])('%s is taken for %s', (given, meant) => {
  expect(nearest(given, words)).toBe(meant)
})
