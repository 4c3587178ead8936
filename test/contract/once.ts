/** Objects are written once. */
import { expect, test } from 'vitest'
import { isFault } from '../../src/base/fault.ts'
import type { Body, Storage } from '../../src/storage/storage.ts'
import { KiB, list, pattern, read, signal, text } from './tools.ts'

export function objectsAreWrittenOnce(storage: () => Storage): void {
  test('a missing object has no stat, and reading it says that it is missing', async () => {
    expect(await storage().stat('once/none', signal)).toBeUndefined()
    await expect(read(storage(), 'once/none')).rejects.toSatisfy(error => isFault(error, 'OBJECT_MISSING'))
  })

  test('what was put can be read and has its size', async () => {
    expect(await storage().put('once/a', text('first'), signal)).toBe('written')
    expect(await read(storage(), 'once/a')).toEqual(Buffer.from('first'))
    expect(await storage().stat('once/a', signal)).toMatchObject({ key: 'once/a', sizeBytes: 5 })
  })

  test('put does not replace an object that is there', async () => {
    await storage().put('once/b', text('first'), signal)
    expect(await storage().put('once/b', text('second, longer'), signal)).toBe('taken')
    expect(await read(storage(), 'once/b')).toEqual(Buffer.from('first'))
  })

  test('an empty object is an object', async () => {
    expect(await storage().put('once/empty', text(''), signal)).toBe('written')
    expect(await storage().stat('once/empty', signal)).toMatchObject({ sizeBytes: 0 })
    expect(await read(storage(), 'once/empty')).toHaveLength(0)
    expect(await storage().put('once/empty', text('x'), signal)).toBe('taken')
  })

  test('a body that fails halfway leaves nothing visible, and the key free', async () => {
    const failing: Body = {
      sizeBytes: 2 * KiB,
      async *open() {
        yield pattern(KiB)
        throw new Error('the source broke')
      },
    }
    await expect(storage().put('once/half', failing, signal)).rejects.toThrow('the source broke')
    expect(await storage().stat('once/half', signal)).toBeUndefined()
    expect(await storage().put('once/half', text('whole'), signal)).toBe('written')
  })

  test("the time an object was written is the storage's own, and lies near now", async () => {
    await storage().put('once/time', text('x'), signal)
    const info = await storage().stat('once/time', signal)
    expect(Number.isFinite(info?.modifiedMs)).toBe(true)
  })

  test('keys that are not keys are refused by every method', async () => {
    for (const key of [
      '',
      '/a',
      'a/',
      'a//b',
      '../a',
      'a/../b',
      './a',
      '.hidden',
      'a/.hidden',
      'a\0b',
      'x'.repeat(300),
    ]) {
      await expect(storage().put(key, text('x'), signal)).rejects.toThrow('is a storage key')
      await expect(storage().create(key, signal)).rejects.toThrow('is a storage key')
      await expect(storage().stat(key, signal)).rejects.toThrow('is a storage key')
      await expect(storage().delete([key], signal)).rejects.toThrow('is a storage key')
      await expect(read(storage(), key)).rejects.toThrow('is a storage key')
    }
    await expect(list(storage(), '../')).rejects.toThrow('prefix')
  })

  test('the beginning of a key is not an object', async () => {
    await storage().put('once/deep/er/object', text('x'), signal)
    expect(await storage().stat('once/deep', signal)).toBeUndefined()
    await expect(read(storage(), 'once/deep')).rejects.toSatisfy(error => isFault(error, 'OBJECT_MISSING'))
    expect(await storage().stat('once/deep/er/object/more', signal)).toBeUndefined()
  })
}

export function racesHaveOneWinner(storage: () => Storage): void {
  test('of many who put the same key at once, exactly one wins, and its bytes are there', async () => {
    const bodies = Array.from({ length: 16 }, (_, i) => `contender ${String(i)}`)
    const outcomes = await Promise.all(bodies.map(body => storage().put('once/race', text(body), signal)))
    expect(outcomes.filter(outcome => outcome === 'written')).toHaveLength(1)
    expect((await read(storage(), 'once/race')).toString()).toBe(bodies[outcomes.indexOf('written')])
  })

  test('of many writers that commit the same key at once, exactly one wins, and its bytes are there', async () => {
    const bodies = Array.from({ length: 16 }, (_, i) => `contender ${String(i)}`)
    const writers = await Promise.all(bodies.map(() => storage().create('once/writers', signal)))
    await Promise.all(writers.map((writer, i) => writer.write(Buffer.from(bodies[i] ?? ''))))
    const outcomes = await Promise.all(writers.map(writer => writer.commit()))
    expect(outcomes.filter(outcome => outcome === 'written')).toHaveLength(1)
    expect((await read(storage(), 'once/writers')).toString()).toBe(bodies[outcomes.indexOf('written')])
  })
}
