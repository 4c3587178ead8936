/** Deletion is calm, and calls can be stopped. */
import { expect, test } from 'vitest'
import type { Storage } from '../../src/storage/storage.ts'
import { collect, list, read, signal, text } from './tools.ts'

export function deletionIsCalm(storage: () => Storage): void {
  test('deleting an object twice succeeds', async () => {
    await storage().put('deletes/a', text('x'), signal)
    await storage().delete(['deletes/a'], signal)
    await storage().delete(['deletes/a', 'deletes/never/was'], signal)
    expect(await storage().stat('deletes/a', signal)).toBeUndefined()
  })

  test('a deleted key can be written again', async () => {
    await storage().put('deletes/again', text('one'), signal)
    await storage().delete(['deletes/again'], signal)
    expect(await storage().put('deletes/again', text('two'), signal)).toBe('written')
    expect((await read(storage(), 'deletes/again')).toString()).toBe('two')
  })

  test('only what is named is deleted', async () => {
    await storage().put('deletes/keep/a', text('x'), signal)
    await storage().put('deletes/keep/ab', text('x'), signal)
    await storage().delete(['deletes/keep/a'], signal)
    expect((await list(storage(), 'deletes/keep')).map(({ key }) => key)).toEqual(['deletes/keep/ab'])
  })

  test('deleting nothing succeeds', async () => {
    await storage().delete([], signal)
  })
}

export function callsCanBeStopped(storage: () => Storage): void {
  test('every method refuses to begin when its signal is aborted', async () => {
    const stopped = AbortSignal.abort(new Error('stopped'))
    await expect(storage().put('stops/a', text('x'), stopped)).rejects.toThrow('stopped')
    await expect(storage().create('stops/a', stopped)).rejects.toThrow('stopped')
    await expect(storage().stat('stops/a', stopped)).rejects.toThrow('stopped')
    await storage().put('stops/b', text('x'), signal)
    await expect(storage().delete(['stops/b'], stopped)).rejects.toThrow('stopped')
    await expect(collect(storage().get('stops/b', undefined, stopped))).rejects.toThrow('stopped')
    await expect(Array.fromAsync(storage().list('stops/', stopped))).rejects.toThrow('stopped')
  })

  test('a writer whose signal was aborted publishes nothing', async () => {
    const stop = new AbortController()
    const writer = await storage().create('stops/writer', stop.signal)
    await writer.write(Buffer.from('x'))
    stop.abort(new Error('stopped'))
    await expect(writer.commit()).rejects.toThrow('stopped')
    await writer.abort()
    expect(await storage().stat('stops/writer', signal)).toBeUndefined()
  })
}
