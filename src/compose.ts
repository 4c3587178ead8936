/** Wires the real world together: what the commands are given when the program runs for people. */
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assert } from './base/assert.ts'
import { Fault } from './base/fault.ts'
import type { Log, LogFields } from './base/log.ts'
import type { Rates } from './base/rates.ts'
import { systemWorld, type World } from './base/world.ts'
import type { Command } from './cli/command.ts'
import type { CommandContext, DescribedPlace, OpenHow, OpenPlace, Program } from './cli/context.ts'
import type { Output } from './cli/output.ts'
import { run, type Telling } from './cli/run.ts'
import type { Terminal } from './cli/terminal.ts'
import type { LoadedConfig, RepositoryConfig } from './config/config.ts'
import type { ConnectionTarget } from './postgres/connection-string.ts'
import type { Server } from './postgres/connection.ts'
import { isArchiveName, repositoryOf } from './operations/sources/archive-name.ts'
import { openStorage, type StorageDescription } from './storage/open.ts'
import { retryTeller, type Retrying } from './storage/retry-teller.ts'
import { withRates } from './storage/with-rates.ts'

/** Runs one command; returns the exit status. */
export async function main(
  words: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const world = systemWorld()
  const open = (telling: Telling, { keepsToRates = false }: Command): CommandContext & AsyncDisposable =>
    createContext({ world, terminal, signal, telling, keepsToRates })
  return run(words, { terminal, clock: world.clock, open })
}

interface Surroundings {
  readonly world: World
  readonly terminal: Terminal
  readonly signal: AbortSignal
  readonly telling: Telling
  readonly keepsToRates: boolean
}

function createContext({
  world,
  terminal,
  signal,
  telling,
  keepsToRates,
}: Surroundings): CommandContext & AsyncDisposable {
  const { globals, output, progress } = telling
  const log = logTo(output)
  const onRetry = retriesTold(telling, log, world)
  const resources = new AsyncDisposableStack()
  let loaded: Promise<LoadedConfig> | undefined
  // What failed is tried again: `init` makes the file.
  const config = (): Promise<LoadedConfig> =>
    (loaded ??= findAndLoad(globals.config, terminal).catch((error: unknown) => {
      loaded = undefined
      throw error
    }))
  const hold = async (): Promise<Rates | undefined> => {
    const [{ holdRates }, loaded] = await Promise.all([import('./cli/hold-rates.ts'), config()])
    const { clock } = world
    const { environment } = terminal
    const open = await holdRates({ clock, progress, environment, stated: loaded.config.limits })
    return open && resources.use(open).rates
  }
  let held: Promise<Rates | undefined> | undefined
  const rates = (): Promise<Rates | undefined> =>
    keepsToRates ? (held ??= hold()) : Promise.resolve(undefined)
  const openPlace = async (name?: string, how: OpenHow = {}): Promise<OpenPlace> => {
    const { withoutRates = false, ...beyond } = how
    const place = await openPlaceOf(await config(), name, beyond, { world, terminal, signal, onRetry })
    resources.defer(() => place.storage.close())
    return withoutRates ? place : { ...place, storage: withRates(place.storage, await rates()) }
  }
  return {
    world,
    terminal,
    output,
    progress,
    signal,
    config,
    program,
    log,
    configPath: globals.config,
    openPlace,
    describePlace: async name => describePlaceOf(await config(), name, terminal, signal),
    async openRepository(name, how) {
      const { openRepository } = await import('./repository/repository.ts')
      const [
        place,
        {
          config: { cluster },
        },
      ] = await Promise.all([openPlace(name, how), config()])
      return { ...place, repository: await openRepository(place.storage, cluster, signal) }
    },
    rates,
    enter: () => Promise.reject(new Error('assertion failed: carry-out.ts gives operations their trail')),
    connect: async stop => connectBy(await config(), 'connection', terminal, stop),
    connectionTarget: async () => targetOf(await config(), 'connection', terminal, signal),
    connectPrimary: async stop => connectBy(await config(), 'primary', terminal, stop),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

/** All of them in the log; people are told where it takes a while. */
function retriesTold({ progress }: Telling, log: Log, { clock }: World): (retrying: Retrying) => void {
  const tell = retryTeller(line => {
    progress.note(line)
  }, clock)
  return retrying => {
    const { repository, message, tries, triesMax } = retrying
    log.warn('storage.retrying', { repository, tries, triesMax, message })
    tell(retrying)
  }
}

/** Events are for `--verbose`; nothing else keeps them yet. */
function logTo(output: Output): Log {
  const line = (event: string, fields: LogFields = {}): string =>
    [event, ...Object.entries(fields).map(([name, value]) => `${name}=${String(value)}`)].join(' ')
  return {
    info: (event, fields) => {
      output.detail(line(event, fields))
    },
    warn: (event, fields) => {
      output.detail(`warning: ${line(event, fields)}`)
    },
  }
}

/** All files of a build lie side by side, as this file and its neighbours do in the sources. */
const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const program: Program = {
  launcher: fileURLToPath(new URL('../bin/holdfast', import.meta.url)),
  worker: new URL(`./worker${extension}`, import.meta.url),
  main: new URL(`./main${extension}`, import.meta.url),
}

async function findAndLoad(given: string | undefined, terminal: Terminal): Promise<LoadedConfig> {
  const [{ findConfig }, { loadConfig }] = await Promise.all([
    import('./config/find.ts'),
    import('./config/load.ts'),
  ])
  return loadConfig(await findConfig(given, terminal))
}

async function connectBy(
  loaded: LoadedConfig,
  which: 'connection' | 'primary',
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Server> {
  const [target, { connectTo }] = await Promise.all([
    targetOf(loaded, which, terminal, signal),
    import('./postgres/connection.ts'),
  ])
  return connectTo(target, { environment: terminal.environment }, signal)
}

async function targetOf(
  { config: { postgres }, path }: LoadedConfig,
  which: 'connection' | 'primary',
  { environment }: Terminal,
  signal: AbortSignal,
): Promise<ConnectionTarget> {
  const source = postgres[which]
  assert(source !== undefined, 'only a server that the configuration names is connected to')
  const [{ readSecret }, { parseConnectionString }] = await Promise.all([
    import('./config/secret-source.ts'),
    import('./postgres/connection-string.ts'),
  ])
  const text = await readSecret(source, `postgres.${which}`, { environment, folder: dirname(path) }, signal)
  return parseConnectionString(text.reveal(), environment)
}

interface PlaceSurroundings extends Pick<Surroundings, 'world' | 'terminal' | 'signal'> {
  readonly onRetry: (retrying: Retrying) => void
}

async function openPlaceOf(
  loaded: LoadedConfig,
  name: string | undefined,
  beyond: Pick<StorageDescription, 'asOfMs'>,
  { world, terminal, signal, onRetry }: PlaceSurroundings,
): Promise<OpenPlace> {
  const [chosen, repository] = chooseRepository(loaded, name)
  const place = await describePlaceOf(loaded, name, terminal, signal)
  const description = { ...place.description, ...beyond }
  return {
    ...place,
    description,
    storage: await openStorage(description, world, onRetry),
    identities: () => identitiesOf(loaded, chosen, repository, terminal, signal),
  }
}

async function describePlaceOf(
  loaded: LoadedConfig,
  name: string | undefined,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<DescribedPlace> {
  const [chosen, repository] = chooseRepository(loaded, name)
  const description = {
    ...(await describeRepository(loaded, chosen, repository, terminal, signal)),
    name: chosen,
  }
  const isArchive = name !== undefined && isArchiveName(name)
  return {
    name: isArchive ? name : chosen,
    description: isArchive ? await archiveIn(description, loaded.config.cluster) : description,
    encoding: { level: loaded.config.compression.level, recipients: recipientsOf(repository) },
  }
}

async function archiveIn(description: StorageDescription, cluster: string): Promise<StorageDescription> {
  const { archiveOf } = await import('./repository/layout.ts')
  return { ...description, moved: archiveOf(cluster) }
}

/** What describes object storage reads secrets and certificates; a folder, which WAL may be pushed to, needs none of it. */
async function describeRepository(
  loaded: LoadedConfig,
  name: string,
  { url }: RepositoryConfig,
  { environment }: Terminal,
  signal: AbortSignal,
): Promise<StorageDescription> {
  if (url.startsWith('file:')) return { url }
  const { describeStorage } = await import('./operations/storage-description.ts')
  return describeStorage(loaded, name, environment, signal)
}

function chooseRepository(
  { config, path }: LoadedConfig,
  name: string | undefined,
): readonly [string, RepositoryConfig] {
  const entries = Object.entries(config.repositories)
  const found = name === undefined ? entries[0] : entries.find(([known]) => known === repositoryOf(name))
  if (found) return found
  const known = entries.map(([entry]) => entry).join(', ')
  throw new Fault('USAGE', `no repository "${name ?? ''}" in ${path}`, { hint: `Give one of: ${known}.` })
}

function recipientsOf({ encryption }: RepositoryConfig): readonly string[] {
  return encryption === 'none' ? [] : encryption.recipients
}

async function identitiesOf(
  { path }: LoadedConfig,
  name: string,
  { encryption }: RepositoryConfig,
  { environment }: Terminal,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (encryption === 'none' || encryption.identity === undefined) return []
  const { readSecret } = await import('./config/secret-source.ts')
  const key = `repositories.${name}.encryption.identity`
  const text = await readSecret(encryption.identity, key, { environment, folder: dirname(path) }, signal)
  const { parseIdentities } = await import('./pipeline/age-identities.ts')
  const { identity } = encryption
  return parseIdentities(text.reveal(), identity.kind === 'file' ? `${key}: ${identity.file}` : key)
}
