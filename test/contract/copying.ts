/** What a storage that copies inside itself must do. */
import { expect, test } from 'vitest'
import { isFault } from '../../src/base/fault.ts'
import type { CopyOutcome, Unproven } from '../../src/storage/second-ports.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { MiB, pattern, read, signal, text } from './tools.ts'

export interface CopyingOptions {
  /** The server's own hashes vouch for copies. */
  readonly proves: boolean
  /** Objects of several parts are tried. */
  readonly large: boolean
}

export function objectsAreCopiedInside(storage: () => Storage, { proves, large }: CopyingOptions): void {
  const copy = (from: string, to: string, unproven: Unproven = 'make'): Promise<CopyOutcome> => {
    const { copying } = storage()
    if (!copying) throw new Error('this storage does not copy')
    return copying.copy(from, to, unproven, signal)
  }
  const made = proves ? 'proven' : 'made'
  const again = proves ? 'proven' : 'taken'

  test('a copy has the same bytes, and the original stays', async () => {
    await storage().put('copying/a+b c', text('bytes'), signal)
    expect(await copy('copying/a+b c', 'copying/deep/er/a')).toBe(made)
    expect((await read(storage(), 'copying/deep/er/a')).toString()).toBe('bytes')
    expect((await read(storage(), 'copying/a+b c')).toString()).toBe('bytes')
    await storage().delete(['copying/a+b c'], signal)
    expect((await read(storage(), 'copying/deep/er/a')).toString()).toBe('bytes')
  })

  test('an empty object is copied, too', async () => {
    await storage().put('copying/empty', text(''), signal)
    expect(['proven', 'made']).toContain(await copy('copying/empty', 'copying/empty-too'))
    expect(await storage().stat('copying/empty-too', signal)).toMatchObject({ sizeBytes: 0 })
  })

  test('a copy replaces nothing, and says what it knows of what is there', async () => {
    await storage().put('copying/b', text('first'), signal)
    await storage().put('copying/taken', text('other, longer'), signal)
    expect(await copy('copying/b', 'copying/taken')).toBe('different')
    expect((await read(storage(), 'copying/taken')).toString()).toBe('other, longer')
    expect(await copy('copying/b', 'copying/b2')).toBe(made)
    expect(await copy('copying/b', 'copying/b2')).toBe(again)
  })

  test('of many copies to one key at once, one is made, and all others find it', async () => {
    await storage().put('copying/race', text('same'), signal)
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => copy('copying/race', 'copying/won')))
    expect(outcomes.filter(outcome => outcome !== made && outcome !== again)).toEqual([])
    expect((await read(storage(), 'copying/won')).toString()).toBe('same')
  })

  test('what is not there can not be copied, and leaves nothing', async () => {
    await expect(copy('copying/none', 'copying/to')).rejects.toSatisfy(error =>
      isFault(error, 'OBJECT_MISSING'),
    )
    expect(await storage().stat('copying/to', signal)).toBeUndefined()
  })

  test('keys that are not keys are refused', async () => {
    await expect(copy('copying/a', '../a')).rejects.toThrow('is a storage key')
    await expect(copy('.hidden', 'copying/x')).rejects.toThrow('is a storage key')
  })

  if (large)
    test('a large object, written in parts, is copied whole', async () => {
      const bytes = pattern(21 * MiB + 5)
      const writer = await storage().create('copying/large', signal)
      await writer.write(bytes)
      await writer.commit()
      expect(await copy('copying/large', 'copying/large-too', proves ? 'refuse' : 'make')).toBe(made)
      expect((await read(storage(), 'copying/large-too')).equals(bytes)).toBe(true)
      expect(await copy('copying/large', 'copying/large-too')).toBe(again)
    })
}

/** A server that can not says so, and nothing is left of the attempt. */
export function copyingIsRefusedInWords(storage: () => Storage): void {
  test('what the server can not copy is refused in words, and nothing is left of it', async () => {
    await storage().put('copying/a', text('bytes'), signal)
    const copied = storage().copying?.copy('copying/a', 'copying/b', 'make', signal)
    await expect(copied).rejects.toSatisfy(error => isFault(error, 'STORAGE_UNSUPPORTED'))
    expect(await storage().stat('copying/b', signal)).toBeUndefined()
  })
}
