import { expect, test } from 'vitest'
import { openMemoryStorage } from '../storage/drivers/memory.ts'
import { bodyOf, type Storage } from '../storage/storage.ts'
import { openTwins } from './wal-twins.ts'

const signal = new AbortController().signal
const keyOf = (number: number): string =>
  `gathr/wal/00000001/00000000/0000000100000000${number.toString(16).toUpperCase().padStart(8, '0')}.zst`

function counting(): { storage: Storage; lists: () => number } {
  const inner = openMemoryStorage({ now: () => 0 })
  let lists = 0
  const list: Storage['list'] = (what, stop) => {
    lists++
    return inner.list(what, stop)
  }
  return { storage: { ...inner, list }, lists: () => lists }
}

test('the first file is looked at by itself: nothing is listed for a process that stores one', async () => {
  const { storage, lists } = counting()
  expect(await openTwins(storage)(keyOf(1), signal)).toBe(true)
  expect(lists()).toBe(0)
})

test('many files in order cost few lists, and each twin is found', async () => {
  const { storage, lists } = counting()
  await storage.put(keyOf(100), bodyOf(new Uint8Array(1)), signal)
  const mayHave = openTwins(storage)
  const found = []
  for (let number = 1; number <= 600; number++) if (await mayHave(keyOf(number), signal)) found.push(number)
  expect(found).toEqual([1, 100])
  expect(lists()).toBeLessThanOrEqual(5)
})

test('a file that comes out of order, or in another folder, is looked for anew', async () => {
  const { storage } = counting()
  const mayHave = openTwins(storage)
  await mayHave(keyOf(9), signal)
  await mayHave(keyOf(10), signal)
  await storage.put(keyOf(3), bodyOf(new Uint8Array(1)), signal)
  expect(await mayHave(keyOf(3), signal)).toBe(true)
  const elsewhere = 'gathr/wal/00000001/00000001/000000010000000100000000.zst'
  await storage.put(elsewhere, bodyOf(new Uint8Array(1)), signal)
  expect(await mayHave(elsewhere, signal)).toBe(true)
})

test('a history file is looked at by itself, and lists no segments', async () => {
  const { storage, lists } = counting()
  const mayHave = openTwins(storage)
  await mayHave(keyOf(1), signal)
  expect(await mayHave('gathr/wal/00000002.history.zst', signal)).toBe(true)
  expect(lists()).toBe(0)
})

test('many that ask at the same time share one list', async () => {
  const { storage, lists } = counting()
  await storage.put(keyOf(5), bodyOf(new Uint8Array(1)), signal)
  const mayHave = openTwins(storage)
  await mayHave(keyOf(1), signal)
  const found = await Promise.all([2, 3, 4, 5, 6].map(number => mayHave(keyOf(number), signal)))
  expect(found).toEqual([false, false, false, true, false])
  expect(lists()).toBe(1)
})
