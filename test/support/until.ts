/** Waiting for something that another process does, with an end: never for an amount of time. */
import { setTimeout as delay } from 'node:timers/promises'

/** Asks until the answer is neither undefined nor false, and gives it back. */
export async function until<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  { timeoutMs = 60_000, everyMs = 20 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<T> {
  const endsAt = performance.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (performance.now() > endsAt) throw new Error(`waited ${String(timeoutMs)} ms in vain until ${what}`)
    await delay(everyMs)
  }
}
