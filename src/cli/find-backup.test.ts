import { expect, test } from 'vitest'
import { chooseBackup } from './find-backup.ts'

const choose = (from: readonly string[], given: string): string => chooseBackup(from, given, id => id)
const ids = ['20261201T020000Z-full', '20261203T020000Z-full', '20261202T020000Z-dump']

test.each([
  ['latest', '20261203T020000Z-full'],
  ['20261202', '20261202T020000Z-dump'],
  ['20261201T020000Z-full', '20261201T020000Z-full'],
])('%s means one of backups and dumps alike', (given, meant) => {
  expect(choose(ids, given)).toBe(meant)
})

test('what fits none, or several, is told with those that there are', () => {
  expect(() => choose(ids, '202612')).toThrow('several backups begin with "202612"')
  expect(() => choose(ids, 'x')).toThrow('no backup begins with "x"')
  expect(() => choose([], 'latest')).toThrow('no backup begins with "latest"')
})
