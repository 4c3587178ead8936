/**
 * Opens the repositories that a command may read from. The one that was named comes first; else folders come before
 * object storage, and each kind in the order of the configuration. All are opened at the same time, each within a limit
 * of time: one that is dead or slow is passed over.
 */
import { Fault, isFault } from '../base/fault.ts'
import { inTime } from '../base/in-time.ts'
import { limits } from '../base/limits.ts'
import type { Clock } from '../base/world.ts'
import { archiveNameOf, isArchiveName, repositoryOf } from '../operations/sources/archive-name.ts'
import { archiveSourceOf, holdsAnything } from '../operations/sources/archives.ts'
import type { ClosedSource, Source, Sources } from '../operations/sources/source.ts'
import { isRepositoryTrouble, listed, silent } from '../operations/sources/trouble.ts'
import { uniteWal, type UnitedWal, type UniteOptions } from '../operations/sources/wal.ts'
import { openWalStore } from '../repository/wal-store.ts'
import { withLimits } from '../storage/with-limits.ts'
import type { LoadedConfig } from '../config/config.ts'
import type { CommandContext, OpenHow } from './context.ts'
import { usageFault } from './usage.ts'

export interface SourceChoice {
  /** Read this one first. */
  readonly repository?: string | undefined
  /** Read no other than the one that is named. */
  readonly only?: boolean | undefined
  /** Do not read these: they are lost, or not to be trusted. */
  readonly without?: readonly string[] | undefined
  /** Read what lies in the archives of the repositories, too, after all others. */
  readonly archives?: boolean | undefined
  /** Read them as they were at that time. */
  readonly asOfMs?: number | undefined
}

type Opening = Pick<CommandContext, 'config' | 'openRepository' | 'world'>

/** REPOSITORY_MISSING, or what else it is, when none can be opened. */
export async function openSources(
  context: Opening & Pick<CommandContext, 'signal'>,
  choice: SourceChoice,
  how: { readonly keys: boolean },
): Promise<Sources> {
  const sources = await openRepositories(context, choice, how)
  if (choice.archives !== true || (choice.repository !== undefined && choice.only === true)) return sources
  return { ...sources, open: [...sources.open, ...(await archivesIn(sources.open, choice, context.signal))] }
}

/** Those in which anything lies. One that can not be asked is as its repository: that is what is told. */
async function archivesIn(
  sources: readonly Source[],
  { without = [] }: SourceChoice,
  signal: AbortSignal,
): Promise<readonly Source[]> {
  const archives = sources.filter(({ name }) => !isArchiveName(name)).map(archiveSourceOf)
  const wanted = archives.filter(
    ({ name }) => !without.includes(name) && !sources.some(source => source.name === name),
  )
  const filled = await Promise.all(
    wanted.map(async source => {
      try {
        return (await holdsAnything(source.repository, signal)) ? source : undefined
      } catch (error) {
        if (isRepositoryTrouble(error)) return undefined
        throw error
      }
    }),
  )
  return filled.filter(source => source !== undefined)
}

async function openRepositories(
  context: Opening,
  choice: SourceChoice,
  { keys }: { readonly keys: boolean },
): Promise<Sources> {
  const names = sourceNames(await context.config(), choice)
  const how = howOf(choice)
  const open = (name: string): Promise<Source> => openSource(context, name, how, keys)
  const [first, ...others] = names
  if (first !== undefined && others.length === 0) return { open: [await open(first)], closed: [] }
  const opened: Source[] = []
  const closed: ClosedSource[] = []
  const outcomes = await Promise.all(names.map(name => tryToOpen(name, context.world.clock, open)))
  for (const outcome of outcomes) {
    if ('fault' in outcome) closed.push(outcome)
    else opened.push(outcome)
  }
  return ofOneCluster(opened, closed)
}

/** In the order in which they are to be read. */
export function sourceNames(
  { config: { repositories }, path }: LoadedConfig,
  { repository, only = false, without = [] }: SourceChoice,
  archivesByName = false,
): readonly string[] {
  const known = Object.keys(repositories)
  const stray = [...without, ...(repository === undefined ? [] : [repository])].find(
    name => !known.includes(repositoryOf(name)),
  )
  if (stray !== undefined)
    throw usageFault(`no repository "${stray}" in ${path}`, `Give one of: ${known.join(', ')}.`)
  if (repository !== undefined && only) return [repository]
  if (repository !== undefined && without.includes(repository))
    throw usageFault(
      `--repository ${repository} and --without ${repository} exclude one another`,
      'Leave one of them out.',
    )
  const named = repository !== undefined && isArchiveName(repository) ? [repository] : []
  const left = [...named, ...known.filter(name => !without.includes(name))]
  if (left.length === 0)
    throw usageFault('no repository is left to read from', 'Leave out one of the --without.')
  const distance = (name: string): number =>
    name === repository ? 0 : repositories[name]?.url.startsWith('file:') === true ? 1 : 2
  const ordered = left.toSorted((a, b) => distance(a) - distance(b))
  if (!archivesByName) return ordered
  const archives = ordered.filter(name => !isArchiveName(name)).map(archiveNameOf)
  return [...ordered, ...archives.filter(name => !without.includes(name) && !ordered.includes(name))]
}

/** Only what was asked for: a folder, for example, is not to be asked for an older state of nothing. */
export function howOf({ asOfMs }: Pick<SourceChoice, 'asOfMs'>): OpenHow {
  return asOfMs === undefined ? {} : { asOfMs }
}

export async function openSource(
  { openRepository }: Pick<CommandContext, 'openRepository'>,
  name: string,
  how: OpenHow,
  keys: boolean,
): Promise<Source> {
  const { repository, description, encoding, identities } = await openRepository(name, how)
  return { name, repository, storage: description, encoding, identities: keys ? await identities() : [] }
}

/** Their WAL as one archive. */
export function unitedWal({ open }: Sources, options: UniteOptions): UnitedWal {
  const places = open.map(({ name, repository, encoding, identities }) => ({
    name,
    open: () => Promise.resolve(openWalStore(repository, { encoding, identities })),
  }))
  return uniteWal(places, options)
}

/** One of several: it has a limit of time to be opened in. */
export async function openInTime<T>(
  name: string,
  clock: Clock,
  open: (name: string) => Promise<T>,
  msMax: number = limits.sourceSilenceMsMax,
): Promise<T> {
  return inTime(open(name), clock, msMax, () => silent(name, msMax))
}

/** The same repository, with a limit of time for every step. */
export function impatient<T extends Pick<Source, 'repository'>>(source: T, clock: Clock): T {
  const storage = withLimits(source.repository.storage, clock, limits.sourceSilenceMsMax)
  return { ...source, repository: { ...source.repository, storage } }
}

async function tryToOpen(
  name: string,
  clock: Clock,
  open: (name: string) => Promise<Source>,
): Promise<Source | ClosedSource> {
  try {
    return impatient(await openInTime(name, clock, open), clock)
  } catch (error) {
    if (isFault(error) && error.code !== 'INTERRUPTED') return { name, fault: error }
    throw error
  }
}

function ofOneCluster(opened: readonly Source[], closed: readonly ClosedSource[]): Sources {
  const [first] = opened
  if (!first) throw noneOpen(closed)
  const { systemIdentifier } = first.repository.identity
  const isSame = ({ repository }: Source): boolean =>
    repository.identity.systemIdentifier === systemIdentifier
  const others = opened.filter(source => !isSame(source))
  return {
    open: opened.filter(isSame),
    closed: [...closed, ...others.map(({ name }) => ({ name, fault: another(name) }))],
  }

  function another(name: string): Fault {
    return new Fault(
      'CLUSTER_MISMATCH',
      `repository ${name} holds another cluster under this name than ${first?.name ?? ''} does`,
      {
        hint: 'Compare the system identifiers in cluster.json; take the wrong repository out of the configuration.',
      },
    )
  }
}

function noneOpen(closed: readonly ClosedSource[]): Fault {
  const [first] = closed
  const reasons = closed.map(({ name, fault }) => `${name}: ${fault.message}`)
  return new Fault(
    first?.fault.code ?? 'REPOSITORY_MISSING',
    `none of the repositories ${listed(closed.map(({ name }) => name))} can be opened; ${reasons.join('; ')}`,
    { hint: first?.fault.hint ?? 'Check the configuration.', cause: first?.fault },
  )
}
