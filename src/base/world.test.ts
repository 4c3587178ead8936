import { expect, test } from 'vitest'
import { systemWorld } from './world.ts'

const { clock } = systemWorld()

test('sleeping takes at least as long as it was asked for', async () => {
  const beganMs = clock.monotonicMs()
  await clock.sleep(20, new AbortController().signal)
  // Timers count whole milliseconds.
  expect(clock.monotonicMs() - beganMs).toBeGreaterThanOrEqual(19)
})

test('whoever is woken by a signal is given its reason, also when it was given before', async () => {
  const reason = new Error('enough')
  const controller = new AbortController()
  const sleeping = clock.sleep(60_000, controller.signal)
  controller.abort(reason)
  await expect(sleeping).rejects.toBe(reason)
  await expect(clock.sleep(60_000, controller.signal)).rejects.toBe(reason)
})
