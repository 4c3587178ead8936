/** Several pieces of work at the same time, of which all are needed. */
import { inParallel } from './in-parallel.ts'

type Works = Readonly<Record<string, (stop: AbortSignal) => Promise<unknown>>>

/**
 * What each of them returns. The first that fails stops the others, through the signal that each is given; it is thrown
 * when all have ended.
 */
export async function together<W extends Works>(
  works: W,
  signal: AbortSignal,
): Promise<{ readonly [Name in keyof W]: Awaited<ReturnType<W[Name]>> }> {
  const done: Record<string, unknown> = {}
  const all = Object.entries(works)
  await inParallel(
    all,
    all.length,
    async ([name, work], stop) => {
      done[name] = await work(stop)
    },
    signal,
  )
  // Each name has what its work returned.
  return done as { readonly [Name in keyof W]: Awaited<ReturnType<W[Name]>> }
}
