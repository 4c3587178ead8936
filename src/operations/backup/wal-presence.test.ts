import { expect, test } from 'vitest'
import { simWorld } from '../../base/world.ts'
import { walKey } from '../../repository/layout.ts'
import { openMemoryStorage } from '../../storage/drivers/memory.ts'
import { bodyOf, type Storage } from '../../storage/storage.ts'
import { openWalPresence } from './wal-presence.ts'

const signal = new AbortController().signal
const identity = { cluster: 'lab', systemIdentifier: '1', postgresMajor: 15, walSegmentSizeBytes: 1 << 24 }
const name = (n: number): string => `0000000100000000${n.toString(16).toUpperCase().padStart(8, '0')}`

test('tells what is there, whatever it is sealed with, in few requests', async () => {
  const inner = openMemoryStorage(simWorld().clock)
  let lists = 0
  const storage: Storage = {
    ...inner,
    list: (what, stop) => {
      lists++
      return inner.list(what, stop)
    },
  }
  const store = (file: string, suffix: string): Promise<unknown> =>
    inner.put(walKey('lab', file, suffix), bodyOf(Buffer.from('x')), signal)
  for (let n = 0; n < 200; n++) await store(name(n), n % 2 === 0 ? '.zst' : '.zst.age')
  await store(`${name(200)}.partial`, '.zst')
  await store(`${name(200)}.00000028.backup`, '.zst')
  const presence = openWalPresence({ storage, id: '0', identity })
  for (let n = 10; n < 200; n++) expect(await presence.has(name(n), signal), name(n)).toBe(true)
  expect(lists).toBe(1)
  expect(await presence.has(name(200), signal), 'its companions are not the segment').toBe(false)
  await store(name(200), '.zst.age')
  expect(await presence.has(name(200), signal)).toBe(true)
  expect(lists).toBe(3)
})
