/** What is said of damage and of sizes, by the records of backups alone. */
import { expect, test } from 'vitest'
import { GiB, MiB } from '../../base/units.ts'
import { ofCorruptPages, ofSizes } from './judge-backups.ts'

const backup = (day: number, rawBytes: number, pagesCorrupt = 0) => ({
  id: `2026030${String(day)}T020000Z-full`,
  kind: 'full' as const,
  endedAt: `2026-03-0${String(day)}T02:10:00Z`,
  sizes: { files: 1, rawBytes, storedBytes: rawBytes / 4 },
  checks: { pagesCorrupt },
})
const dump = (day: number, rawBytes: number, name: string) => ({
  id: `2026030${String(day)}T030000Z-dump`,
  endedAt: `2026-03-0${String(day)}T03:10:00Z`,
  sizes: { rawBytes },
  databases: [{ name, shape: 'custom' as never }],
})

test.each([
  ['as before', [4, 4.1, 4.2, 4.3], undefined],
  ['half as large', [4, 4.1, 4.2, 1.9], /holds 1.9 GiB; usual are 4.1 GiB/],
  ['twice as large', [4, 4.1, 4.2, 9], /holds 9.0 GiB/],
  ['after one that was unusual', [4, 4.1, 9, 4.2], undefined],
  ['where there is too little to compare with', [4, 4.1, 9], undefined],
])('a full backup %s', (_, sizes, says) => {
  const found = ofSizes(
    'main',
    sizes.map((size, i) => backup(i + 1, size * GiB)),
    [],
  )
  expect(found.map(({ code, subject }) => `${code} ${subject ?? ''}`)).toEqual(
    says ? [`size-unusual 2026030${String(sizes.length)}T020000Z-full`] : [],
  )
  for (const { message } of found) expect(message).toMatch(says ?? /./)
})

test('small changes of small databases are nothing to tell of', () => {
  const sizes = [10, 10, 10, 40].map((size, i) => backup(i + 1, size * MiB))
  expect(ofSizes('main', sizes, [])).toEqual([])
})

test('dumps are compared with those of the same databases', () => {
  const dumps = [1, 2, 3, 4].flatMap(day => [dump(day, GiB, 'shop'), dump(day, 100 * GiB, 'events')])
  expect(ofSizes('main', [], dumps)).toEqual([])
  expect(ofSizes('main', [], [...dumps, dump(5, GiB, 'events')])).toMatchObject([
    { subject: '20260305T030000Z-dump' },
  ])
})

test('damage of the newest backup is critical, and that of older ones is history', () => {
  expect(ofCorruptPages('main', [backup(1, GiB), backup(2, GiB, 3)])).toMatchObject([
    { code: 'backup-corrupt', state: 'critical', subject: '20260302T020000Z-full' },
  ])
  expect(ofCorruptPages('main', [backup(1, GiB, 3), backup(2, GiB)])).toEqual([])
  expect(ofCorruptPages('main', [])).toEqual([])
})
