/** Looks at everything that backups and restores depend on. Changes nothing but for a small object that it takes away. */
import { dirname } from 'node:path'
import { Fault } from '../../base/fault.ts'
import type { Progress } from '../../base/progress.ts'
import type { World } from '../../base/world.ts'
import type { LoadedConfig } from '../../config/config.ts'
import type { Encoding } from '../../pipeline/codec.ts'
import type { Server } from '../../postgres/connection.ts'
import { serverFacts, type ServerFacts } from '../../postgres/server-facts.ts'
import { readServerEnvironment } from '../../postgres/server-environment.ts'
import { openRepository, type Repository } from '../../repository/repository.ts'
import type { StorageDescription } from '../../storage/open.ts'
import type { Storage } from '../../storage/storage.ts'
import { serverUserToServe } from '../setup/server-user.ts'
import { checkClasses } from './check-classes.ts'
import { checkCold } from './check-cold.ts'
import { checkData } from './check-data.ts'
import { checkBucket } from './bucket/check-bucket.ts'
import { checkEnvironment } from './check-environment.ts'
import { checkFolder, type FolderSurroundings } from './check-folder.ts'
import { checkConfigFile, checkLauncher, checkReadable, checkTools } from './check-host.ts'
import { checkKeys } from './check-keys.ts'
import { checkOwed } from './check-owed.ts'
import { checkClock, checkServer } from './check-server.ts'
import { tryStorage } from './check-storage.ts'
import { checkTrail } from './check-trail.ts'
import { checkSnapshots, type SnapshotsToCheck } from './check-snapshots.ts'
import { findingsOf, ok, type Finding } from './finding.ts'

export interface DoctorDeps {
  readonly world: World
  readonly progress: Progress
  readonly loaded: LoadedConfig
  readonly connect: (signal: AbortSignal) => Promise<Server>
  readonly openPlace: (name: string) => Promise<PlaceToCheck>
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly launcher: string
  readonly archiveCommand: string
  /** Where this host keeps its audit trail. */
  readonly trailFolder: string
  /** When the configuration says how snapshots are made. */
  readonly snapshots: SnapshotsToCheck | undefined
}

export interface PlaceToCheck {
  readonly storage: Storage
  readonly description: StorageDescription
  readonly encoding: Encoding
  readonly identities: () => Promise<readonly string[]>
}

/** `repositories`: the names of those to look at. */
export async function examine(
  deps: DoctorDeps,
  repositories: readonly string[],
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { loaded, progress } = deps
  progress.phase('looking at the server')
  const config = await findingsOf('configuration', () => checkConfigFile(loaded))
  const trail = await findingsOf('audit', () => checkTrail(deps.trailFolder, signal))
  const { facts, findings: server } = await lookAtServer(deps, signal)
  const host = facts ? await lookAtHost(deps, facts, signal) : []
  const places: Finding[] = []
  for (const name of repositories) {
    progress.phase(`trying repository ${name}`)
    places.push(...(await lookAtPlace(deps, name, facts, signal)))
    const dataDirectory = loaded.config.postgres.dataDirectory ?? facts?.dataDirectory
    places.push(...(await checkOwed(loaded.config, name, dataDirectory, deps.world.clock)))
  }
  const snapshots = await lookAtSnapshots(deps, facts, signal)
  return [...config, ...server, ...host, ...places, ...snapshots, ...trail]
}

async function lookAtServer(
  { connect, world, archiveCommand, loaded }: DoctorDeps,
  signal: AbortSignal,
): Promise<{ facts: ServerFacts | undefined; findings: readonly Finding[] }> {
  let facts: ServerFacts | undefined
  const findings = await findingsOf('server', async () => {
    await using server = await connect(signal)
    const beforeMs = world.clock.now()
    facts = await serverFacts(server, signal)
    // Between the question and the answer some time passes; the server's clock may stand anywhere in it.
    const aheadMs = outside(facts.nowMs, beforeMs, world.clock.now())
    return [...checkServer(facts, server.where, archiveCommand), checkClock('the server', aheadMs)]
  })
  const known = facts
  const data = known
    ? await findingsOf('data', () => checkData(known, loaded.config.postgres.dataDirectory))
    : []
  return { facts, findings: [...findings, ...data] }
}

async function lookAtSnapshots(
  { snapshots, world, loaded: { config }, progress }: DoctorDeps,
  facts: ServerFacts | undefined,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const dataDirectory = config.postgres.dataDirectory ?? facts?.dataDirectory
  if (!snapshots || !facts || dataDirectory === undefined) return []
  progress.phase('looking at the volumes')
  const owner = { cluster: config.cluster, systemIdentifier: facts.systemIdentifier }
  return findingsOf('snapshots', () => checkSnapshots(world, snapshots, owner, dataDirectory, signal))
}

async function lookAtHost(
  { launcher, loaded, environment }: DoctorDeps,
  facts: ServerFacts,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const dataDirectory = loaded.config.postgres.dataDirectory ?? facts.dataDirectory
  const user = await serverUserToServe(dataDirectory)
  const { mode, library, command } = facts.archiver
  const runsCommand = mode !== 'off' && library === '' && dataDirectory !== undefined
  const server = runsCommand ? await readServerEnvironment(dataDirectory) : undefined
  const places = { binDirectory: loaded.config.postgres.binDirectory, path: environment['PATH'] }
  return [
    ...(await checkReadable(loaded.path, user, signal)),
    await checkLauncher(launcher, user, signal),
    ...(server ? checkEnvironment(loaded.config, environment, server, command) : []),
    await checkTools(facts.major, places, signal),
  ]
}

async function lookAtPlace(
  deps: DoctorDeps,
  name: string,
  facts: ServerFacts | undefined,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const {
    world,
    loaded: { config, path },
  } = deps
  const settings = config.repositories[name]
  if (!settings) return []
  const dataDirectory = config.postgres.dataDirectory ?? facts?.dataDirectory
  return findingsOf('storage', async () => {
    const place = await deps.openPlace(name)
    const repository = await openRepository(place.storage, config.cluster, signal)
    assertSameSystem(repository.identity.systemIdentifier, facts, config.cluster)
    const tried = settings.url.startsWith('file:')
      ? await lookAtFolder(deps, name, repository, { url: settings.url, dataDirectory }, signal)
      : await checkBucket({ ...place, name, config, repository: settings, world }, signal)
    const { encryption } = settings
    const keys = await findingsOf('keys', () =>
      checkKeys({ ...place, name, encryption, folder: dirname(path) }),
    )
    return [
      ok('storage', `${place.storage.location} knows the cluster ${config.cluster}`),
      ...tried,
      ...checkClasses(place.storage, settings),
      ...(await findingsOf('storage', () => checkCold(repository, settings.url, signal))),
      ...keys,
    ]
  })
}

async function lookAtFolder(
  { world, loaded }: DoctorDeps,
  name: string,
  repository: Repository,
  surroundings: FolderSurroundings,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const trial = await tryStorage(repository.storage, loaded.config.cluster, world, signal)
  return [
    ...trial.findings,
    ...(await checkFolder(repository, surroundings, signal)),
    checkClock(`repository ${name}`, trial.clockAheadMs),
  ]
}

function assertSameSystem(known: string, facts: ServerFacts | undefined, cluster: string): void {
  if (!facts || facts.systemIdentifier === known) return
  throw new Fault(
    'CLUSTER_MISMATCH',
    `in the repository, "${cluster}" is system ${known}, and the server is ${facts.systemIdentifier}`,
    {
      hint: 'Give this server a cluster name of its own in the configuration, and run holdfast init.',
    },
  )
}

/** How far a moment lies outside of a span: negative before it. */
function outside(moment: number, from: number, to: number): number {
  return moment > to ? moment - to : Math.min(0, moment - from)
}
