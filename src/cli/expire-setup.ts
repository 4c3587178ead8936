/** From the configuration to what an expiry of one repository, or of its archive, is given. */
import type { Holders } from '../operations/expire/doubts.ts'
import type { ExpireDeps } from '../operations/expire/expire.ts'
import type { Receiver } from '../operations/expire/owed.ts'
import { retentionOf } from '../operations/lock/lock-rules.ts'
import { archiveNameOf, isArchiveName, repositoryOf } from '../operations/sources/archive-name.ts'
import type { Config } from '../config/config.ts'
import { nearest } from '../base/nearest.ts'
import type { CommandContext } from './context.ts'
import { managedOpener } from './managed-servers.ts'
import { outsideOf } from './outside.ts'
import { usageFault } from './usage.ts'

/** Repositories and their archives, by name; the one that was named, or all. */
export function placesToExpire(config: Config, named: string | undefined): readonly string[] {
  const repositories = Object.keys(config.repositories)
  if (named === undefined) return repositories.flatMap(name => [name, archiveNameOf(name)])
  const known = repositories.includes(repositoryOf(named))
  if (!known) throw unknownRepository(named, repositories)
  return isArchiveName(named) ? [named] : [named, archiveNameOf(named)]
}

export async function expireDeps(
  context: CommandContext,
  place: string,
  without: readonly string[],
): Promise<ExpireDeps> {
  const { config } = await context.config()
  for (const name of without)
    if (!(name in config.repositories)) throw unknownRepository(name, Object.keys(config.repositories))
  const { repository } = await context.openRepository(place)
  const isArchive = isArchiveName(place)
  return {
    repository,
    rules: isArchive ? 'archive' : retentionOf(config, place),
    receivers: isArchive
      ? []
      : receiversOf(context, config, place).filter(({ name }) => !without.includes(name)),
    outside: outsideOf(context, repositoryOf(place)),
    holders: holdersOf(context, config),
    world: context.world,
    progress: context.progress,
    log: context.log,
  }
}

/** Where nothing is said of snapshots, there is nobody to ask with. */
function holdersOf(context: CommandContext, config: Config): Holders {
  if (!config.snapshots) return { openProvider: undefined, openManaged: undefined }
  return {
    openProvider: async name => (await import('./snapshot-setup.ts')).openProviderOf(context, name),
    openManaged: managedOpener(context),
  }
}

/** Copies of it, and those that are written together with it and filled from it when they were out of reach. */
function receiversOf(context: CommandContext, config: Config, place: string): readonly Receiver[] {
  const isTogether = config.write === 'all' && config.repositories[place]?.copyOf === undefined
  return Object.entries(config.repositories)
    .filter(
      ([name, { copyOf }]) => name !== place && (copyOf === place || (isTogether && copyOf === undefined)),
    )
    .map(([name]) => ({
      name,
      rules: retentionOf(config, name),
      open: async () => (await context.openRepository(name)).repository,
    }))
}

function unknownRepository(name: string, known: readonly string[]): Error {
  const near = nearest(name, known)
  return usageFault(
    `there is no repository "${name}"`,
    near === undefined ? `Give one of: ${known.join(', ')}.` : `Did you mean ${near}?`,
  )
}
