/** Lists are whole, and in order. */
import { beforeAll, expect, test } from 'vitest'
import { compareKeys } from '../../src/storage/key.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { list, read, signal, text } from './tools.ts'

export function listsAreOrdered(storage: () => Storage): void {
  // In UTF-8, U+FB01 comes before U+1F600; in UTF-16 it is the other way round. `a.b` < `a/x` < `a0`.
  const keys = [
    'a/x',
    'a.b',
    'a0',
    'a-',
    'a/x0',
    'a/w/deep/er',
    'ä',
    '\ufb01',
    '\u{1f600}',
    'B',
    'wal/0001',
    'wal/0002',
    'wal10',
  ]
  const sorted = keys.map(key => `lists/${key}`).sort(compareKeys)

  beforeAll(async () => {
    for (const key of keys) await storage().put(`lists/${key}`, text(key), signal)
  })

  test('all keys come in the order of their UTF-8 bytes', async () => {
    expect((await list(storage(), 'lists/')).map(({ key }) => key)).toEqual(sorted)
  })

  test.each([
    'lists/a',
    'lists/a/',
    'lists/a/x',
    'lists/wal',
    'lists/wal/',
    'lists/wal/000',
    'lists/wal/0001',
    'lists/none/',
    'lists/B',
  ])('the prefix %s gives exactly the keys that begin with it', async prefix => {
    const expected = sorted.filter(key => key.startsWith(prefix))
    expect((await list(storage(), prefix)).map(({ key }) => key)).toEqual(expected)
  })

  test.each(['lists/a', 'lists/a/x', 'lists/a/none', 'lists/wal/0001', 'lists/zzz', 'a', 'zzz', 'lists/a.'])(
    'after %s come exactly the keys that are greater',
    async after => {
      const expected = sorted.filter(key => compareKeys(key, after) > 0)
      expect((await list(storage(), 'lists/', after)).map(({ key }) => key)).toEqual(expected)
    },
  )

  test('each entry says the size', async () => {
    for (const { key, sizeBytes } of await list(storage(), 'lists/')) {
      expect(sizeBytes).toBe(Buffer.byteLength(key.slice('lists/'.length)))
    }
  })

  test('odd characters in keys are nothing special', async () => {
    const odd = [
      'plus+sign',
      'per%cent%20',
      'a space',
      'eq=ual',
      'amp&question?',
      'quote\'"',
      'hash#tag',
      'semi;colon',
      'tilde~',
      '(paren)*!',
      'co:lon@at',
      'back\\slash',
      '<tag>',
      '日本語',
      'e\u0301',
      '\u00e9',
    ].map(name => `odd/${name}/${name}`)
    for (const key of odd) expect(await storage().put(key, text(key), signal)).toBe('written')
    expect((await list(storage(), 'odd/')).map(({ key }) => key)).toEqual(odd.toSorted(compareKeys))
    for (const key of odd) {
      expect((await read(storage(), key)).toString()).toBe(key)
      expect(await storage().stat(key, signal)).toMatchObject({ key, sizeBytes: Buffer.byteLength(key) })
      expect((await list(storage(), key)).map(info => info.key)).toEqual([key])
    }
    await storage().delete(odd, signal)
    expect(await list(storage(), 'odd/')).toEqual([])
  })

  test('a reader of the list may stop early', async () => {
    for await (const info of storage().list('lists/', signal)) {
      expect(info.key).toBe(sorted[0])
      break
    }
  })

  test('more objects than one page are all listed', async () => {
    const many = Array.from({ length: 1_100 }, (_, i) => `many/${String(i).padStart(5, '0')}`)
    for (let at = 0; at < many.length; at += 50) {
      await Promise.all(many.slice(at, at + 50).map(key => storage().put(key, text('x'), signal)))
    }
    expect((await list(storage(), 'many/')).map(({ key }) => key)).toEqual(many)
    await storage().delete(many, signal)
    expect(await list(storage(), 'many/')).toEqual([])
  })
}
