/** Writers publish what they wrote when it is committed. */
import { expect, test } from 'vitest'
import type { Storage } from '../../src/storage/storage.ts'
import { KiB, list, pattern, read, signal, text } from './tools.ts'

export function writersPublishOnCommit(storage: () => Storage): void {
  test('nothing is visible before commit, and all of it afterwards', async () => {
    const writer = await storage().create('writers/a/b', signal)
    await writer.write(Buffer.from('one '))
    await writer.write(Buffer.from('two'))
    expect(await storage().stat('writers/a/b', signal)).toBeUndefined()
    expect(await list(storage(), 'writers/a')).toEqual([])
    expect(await writer.commit()).toBe('written')
    expect((await read(storage(), 'writers/a/b')).toString()).toBe('one two')
  })

  test('abort leaves nothing, twice is as good as once, and the key stays free', async () => {
    const writer = await storage().create('writers/aborted', signal)
    await writer.write(pattern(100_000))
    await writer.abort()
    await writer.abort()
    expect(await storage().stat('writers/aborted', signal)).toBeUndefined()
    expect(await storage().put('writers/aborted', text('x'), signal)).toBe('written')
  })

  test('a writer that comes second is told that the key is taken, and changes nothing', async () => {
    const [one, two] = [
      await storage().create('writers/two', signal),
      await storage().create('writers/two', signal),
    ]
    await one.write(Buffer.from('one'))
    await two.write(Buffer.from('two!'))
    expect(await two.commit()).toBe('written')
    expect(await one.commit()).toBe('taken')
    await one.abort()
    expect((await read(storage(), 'writers/two')).toString()).toBe('two!')
  })

  test('abort after commit changes nothing', async () => {
    const writer = await storage().create('writers/kept', signal)
    await writer.write(Buffer.from('kept'))
    await writer.commit()
    await writer.abort()
    expect((await read(storage(), 'writers/kept')).toString()).toBe('kept')
  })

  test('the caller may use its buffer again once a write is done', async () => {
    const writer = await storage().create('writers/reused', signal)
    const buffer = Buffer.alloc(70_000, 1)
    await writer.write(buffer)
    buffer.fill(2)
    await writer.write(buffer)
    buffer.fill(3)
    await writer.commit()
    expect(
      (await read(storage(), 'writers/reused')).equals(
        Buffer.concat([Buffer.alloc(70_000, 1), Buffer.alloc(70_000, 2)]),
      ),
    ).toBe(true)
  })

  test('writes of odd sizes add up to a large object', async () => {
    const bytes = pattern(9 * KiB * KiB + 1)
    const writer = await storage().create('writers/odd', signal)
    for (let at = 0, size = 1; at < bytes.length; at += size, size = size * 3 + 1)
      await writer.write(bytes.subarray(at, at + size))
    await writer.commit()
    expect((await read(storage(), 'writers/odd')).equals(bytes)).toBe(true)
  })

  test('a writer that wrote nothing makes an empty object', async () => {
    const writer = await storage().create('writers/none', signal)
    expect(await writer.commit()).toBe('written')
    expect(await storage().stat('writers/none', signal)).toMatchObject({ sizeBytes: 0 })
  })
}
