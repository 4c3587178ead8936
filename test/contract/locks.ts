/** Where objects can be locked, a lock holds; where they can not, the driver says so. */
import { expect, test } from 'vitest'
import { isFault } from '../../src/base/fault.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { signal, text } from './tools.ts'

/** Short: what is locked stays in the server until then. Servers keep times to the second. */
const lockMs = 5_000

export function locksHold(storage: () => Storage): void {
  test('a lock holds and is never shortened, or is refused in words', async () => {
    const { lockable } = await storage().traits(signal)
    await storage().put('locks/a', text('x'), signal)
    const untilMs = Date.now() + lockMs
    const locked = storage().retain('locks/a', { mode: 'governance', untilMs }, signal)
    if (lockable !== true) {
      await expect(locked).rejects.toSatisfy(error => isFault(error, 'STORAGE_UNSUPPORTED'))
      return
    }
    await locked
    await storage().retain('locks/a', { mode: 'governance', untilMs: untilMs - 3_000 }, signal)
    const retainedUntilMs = (await storage().stat('locks/a', signal))?.retainedUntilMs
    expect(Math.abs((retainedUntilMs ?? 0) - untilMs)).toBeLessThanOrEqual(1_000)
  })

  test('what is locked is not destroyed', async () => {
    const { lockable, versioned } = await storage().traits(signal)
    if (lockable !== true) return
    await storage().put('locks/b', text('x'), signal)
    await storage().retain('locks/b', { mode: 'governance', untilMs: Date.now() + lockMs }, signal)
    const deleted = storage().delete(['locks/b'], signal)
    // Where versions are kept, it is out of sight, and an older version.
    if (versioned === true) await deleted
    else await expect(deleted).rejects.toSatisfy(error => isFault(error, 'OBJECT_LOCKED'))
  })

  test('what is not there can not be locked', async () => {
    const until = { mode: 'governance', untilMs: Date.now() + lockMs } as const
    await expect(storage().retain('locks/none', until, signal)).rejects.toSatisfy(error =>
      isFault(error, 'OBJECT_MISSING', 'STORAGE_UNSUPPORTED'),
    )
  })
}
