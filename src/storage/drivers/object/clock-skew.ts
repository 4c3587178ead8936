/** How far a server's clock is off, by the time that it puts on an answer. */

/**
 * The server's clock less ours, at least. Its time was that of some moment between question and answer: an answer that comes
 * late, or waits here until it is looked at, makes no clock wrong.
 */
export function skewBetween(serverMs: number, { askedMs, answeredMs }: Moments): number {
  if (serverMs < askedMs) return serverMs - askedMs
  return Math.max(0, serverMs - answeredMs)
}

/** By our clock. */
interface Moments {
  readonly askedMs: number
  readonly answeredMs: number
}
