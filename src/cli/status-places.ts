/** The repositories of the configuration, as `status` looks at them. */
import { unwantedOf } from '../operations/copy/retention.ts'
import { retentionOf } from '../operations/lock/lock-rules.ts'
import type { StatusPlace } from '../operations/status/facts.ts'
import { openRepository } from '../repository/repository.ts'
import type { CommandContext, OpenPlace } from './context.ts'
import { hasManagedServer, managedOpener } from './managed-servers.ts'
import { writtenRepositories } from './push-setup.ts'
import { impatient } from './sources.ts'

export async function statusPlaces(context: CommandContext): Promise<readonly StatusPlace[]> {
  const { config, openPlace, world, signal } = context
  const loaded = await config()
  const written = writtenRepositories(loaded, undefined)
  const openManaged = (await hasManagedServer(context)) ? managedOpener(context) : undefined
  const { cluster } = loaded.config
  // The repository, and the way to it, are of the same opening.
  const places = new Map<string, Promise<OpenPlace>>()
  const placeOf = (name: string): Promise<OpenPlace> => {
    const place = places.get(name) ?? openPlace(name)
    places.set(name, place)
    return place
  }
  return Object.entries(loaded.config.repositories).map(([name, { url, copyOf }]) => ({
    name,
    url,
    copyOf,
    role: roleOf(name, copyOf, written),
    unwantedOf: holdings => unwantedOf(holdings, retentionOf(loaded.config, name), world.clock.now()),
    openProvider: async name => (await import('./snapshot-setup.ts')).openProviderOf(context, name),
    openManaged,
    // Each step has its own limit, too, so that one that hangs is let go.
    open: async () => {
      const place = await placeOf(name)
      return impatient(
        { ...place, repository: await openRepository(place.storage, cluster, signal) },
        world.clock,
      )
    },
    openReach: async () => (await placeOf(name)).storage.reach,
  }))
}

function roleOf(name: string, copyOf: string | undefined, written: readonly string[]): StatusPlace['role'] {
  if (copyOf !== undefined) return 'copy'
  if (written[0] === name) return 'first'
  return written.includes(name) ? 'also' : 'idle'
}
