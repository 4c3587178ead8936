/** A command's context that remembers what the command did with it: which repositories it opened, which keys it used, what came out. */
import type { CommandContext, EnterNote, OpenPlace } from './context.ts'

export interface Watched {
  readonly context: CommandContext
  readonly repositories: ReadonlySet<string>
  /** By repository: the secret keys that were read. */
  readonly identities: ReadonlyMap<string, readonly string[]>
  /** What the command gave as its results. */
  readonly results: readonly unknown[]
}

export function watchContext(inner: CommandContext, enter: EnterNote): Watched {
  const repositories = new Set<string>()
  const identities = new Map<string, readonly string[]>()
  const results: unknown[] = []
  const watch = <Place extends OpenPlace>(place: Place): Place => {
    repositories.add(place.name)
    return {
      ...place,
      async identities() {
        const keys = await place.identities()
        if (keys.length > 0) identities.set(place.name, keys)
        return keys
      },
    }
  }
  const context: CommandContext = {
    ...inner,
    enter,
    openPlace: async (name, how) => watch(await inner.openPlace(name, how)),
    openRepository: async (name, how) => watch(await inner.openRepository(name, how)),
    output: {
      ...inner.output,
      result(value, text) {
        results.push(value)
        inner.output.result(value, text)
      },
    },
  }
  return { context, repositories, identities, results }
}
