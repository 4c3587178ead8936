import { expect, test } from 'vitest'
import { inParallel } from './in-parallel.ts'

const never = new AbortController().signal

test('no more than so many are under way, and all are done', async () => {
  let running = 0
  let most = 0
  const done: number[] = []
  await inParallel(
    [1, 2, 3, 4, 5, 6, 7],
    3,
    async item => {
      most = Math.max(most, ++running)
      await Promise.resolve()
      running--
      done.push(item)
    },
    never,
  )
  expect(most).toBe(3)
  expect(done.toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7])
})

test('the first failure stops the others and is thrown when they have ended', async () => {
  const ended: number[] = []
  const work = inParallel(
    [1, 2, 3, 4],
    2,
    async (item, signal) => {
      if (item === 1) throw new Error('one')
      await new Promise<void>(resolve => {
        signal.addEventListener('abort', () => {
          resolve()
        })
        if (signal.aborted) resolve()
      })
      ended.push(item)
    },
    never,
  )
  await expect(work).rejects.toThrow('one')
  expect(ended).toEqual([2])
})

test('a signal stops it, and its reason is thrown', async () => {
  const stop = new AbortController()
  const seen: number[] = []
  const work = inParallel(
    [1, 2, 3],
    1,
    item => {
      seen.push(item)
      stop.abort(new Error('enough'))
      return Promise.resolve()
    },
    stop.signal,
  )
  await expect(work).rejects.toThrow('enough')
  expect(seen).toEqual([1])
})
