import { expect, test } from 'vitest'
import { limits } from '../../../base/limits.ts'
import { HeldTokens } from './held-tokens.ts'

const minute = 60_000

/** Who gives a token for so long each time it is asked, or fails. */
function scene(lastsMs: number) {
  let nowMs = 1_000_000
  let asked = 0
  let isAway = false
  const credential = new HeldTokens(
    {
      getToken() {
        asked++
        if (isAway) return Promise.reject(new Error('nobody is there'))
        return Promise.resolve({ token: `token-${String(asked)}`, expiresOnTimestamp: nowMs + lastsMs })
      },
    },
    { now: () => nowMs },
  )
  return {
    get: async () => (await credential.getToken('storage'))?.token,
    endOf: async () => (await credential.getToken('storage'))?.expiresOnTimestamp,
    pass: (ms: number) => (nowMs += ms),
    leave: () => (isAway = true),
    asked: () => asked,
  }
}

test('a token is used until it ends soon, however many ask, and the client is told to ask each time', async () => {
  const { get, endOf, pass, asked } = scene(60 * minute)
  expect(await Promise.all([get(), get(), get()])).toEqual(['token-1', 'token-1', 'token-1'])
  expect(await endOf()).toBe(0)
  pass(50 * minute)
  expect([await get(), asked()]).toEqual(['token-1', 1])
  pass(9 * minute)
  expect([await get(), asked()]).toEqual(['token-2', 2])
})

test('one that is good yet is used while no other can be had; then that is a failure, heard by who asks', async () => {
  const { get, pass, leave, asked } = scene(60 * minute)
  await get()
  leave()
  pass(59 * minute)
  expect(await Promise.all([get(), get()])).toEqual(['token-1', 'token-1'])
  expect([await get(), asked()]).toEqual(['token-1', 2])
  pass(limits.azureTokenPauseMs)
  expect([await get(), asked()]).toEqual(['token-1', 3])
  pass(minute)
  await expect(get()).rejects.toThrow('nobody is there')
})

test('a service that gives the same one until its end is not asked before each request', async () => {
  const { get, asked } = scene(minute)
  for (let i = 0; i < 5; i++) await get()
  expect(asked()).toBe(1)
})
