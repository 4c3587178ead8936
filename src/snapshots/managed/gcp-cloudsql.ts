/**
 * Google Cloud SQL for PostgreSQL: backups on demand of an instance. They have no labels: a backup is known again by its
 * description.
 *
 * Google copies no backup. For a second region a second backup is taken, which is kept there.
 */
import { Fault, isFault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { GiB } from '../../base/units.ts'
import type { World } from '../../base/world.ts'
import { openGoogleApi, statusOf, type GoogleApi, type Json } from '../../cloud/google/api.ts'
import { operationFault } from '../../cloud/google/faults.ts'
import { untilDone } from '../../cloud/until-done.ts'
import type { CloudSettings } from '../description.ts'
import type {
  ManagedRestore,
  ManagedServer,
  ManagedSettings,
  ManagedSnapshot,
  ManagedState,
  ManagedWish,
} from './server.ts'

const service = { name: 'Cloud SQL', endpoint: 'https://sqladmin.googleapis.com/v1' } as const

interface Sql {
  readonly api: GoogleApi
  readonly world: World
  readonly timeLimitMs: number
  readonly instance: string
  /** `/projects/p/instances/i`. */
  readonly path: () => Promise<string>
}

export function openCloudSql(
  { instance, timeLimitMs }: ManagedSettings,
  cloud: CloudSettings,
  world: World,
): ManagedServer {
  const api = openGoogleApi(service, cloud, world)
  const path = async (): Promise<string> => `/projects/${await api.projectId()}/instances/${instance}`
  const sql: Sql = { api, world, timeLimitMs, instance, path }
  return {
    name: 'gcp-cloudsql',
    instance,
    copyTarget: cloud.copyTo?.region,
    async create(wish, signal) {
      const source = await lookAtInstance(sql, signal)
      const location = cloud.storageLocation
      const reference = await backUp(sql, wish, { location, isCopy: false }, signal)
      return snapshotOf(source, reference)
    },
    async list({ cluster }, signal) {
      const runs = await listRuns(sql, signal)
      const base = await path()
      const found = runs.flatMap(run => {
        const [, owner, id, repository] = described.exec(textOf(run, 'description') ?? '') ?? []
        if (owner !== cluster || id === undefined) return []
        const reference = referenceOf(base, run)
        return [{ id, volume: instance, reference, repository, state: stateOf(run) }]
      })
      return { found, closed: [] }
    },
    async describe(reference, signal) {
      const run = await api.find(
        { what: `looking at ${reference}`, method: 'GET', path: `/${reference}` },
        signal,
      )
      return run && stateOf(run)
    },
    copy: (wish, _snapshot, region, signal) => backUp(sql, wish, { location: region, isCopy: true }, signal),
    restore: (request, signal) => restoreAs(sql, request, cloud, signal),
    async remove(reference, signal) {
      const what = `removing ${reference}`
      const begun = await api.find({ what, method: 'DELETE', path: `/${reference}` }, signal)
      if (begun) await untilOperation(sql, begun, what, signal)
    },
    close: () => Promise.resolve(),
  }
}

const described = /^holdfast ([a-z0-9_-]+) (\d{8}T\d{6}Z-[a-z]+) of ([0-9a-f]+)( copy)?$/
const descriptionOf = ({ cluster, repository, id }: ManagedWish, isCopy: boolean): string =>
  `holdfast ${cluster} ${id} of ${repository}${isCopy ? ' copy' : ''}`

async function lookAtInstance({ api, instance, path }: Sql, signal: AbortSignal): Promise<Json> {
  const found = await api.find({ what: `looking at ${instance}`, method: 'GET', path: await path() }, signal)
  if (found && /^POSTGRES_/.test(textOf(found, 'databaseVersion') ?? '')) return found
  throw new Fault(
    'SNAPSHOT_UNSUPPORTED',
    found ? `${instance} is no PostgreSQL server` : `${api.location} knows no instance ${instance}`,
    { hint: 'Check `snapshots.instance` and `snapshots.project`.' },
  )
}

function snapshotOf(source: Json, reference: string): ManagedSnapshot {
  const settings = objectOf(source, 'settings')
  const size = Number(textOf(settings, 'dataDiskSizeGb') ?? Number.NaN)
  const network = textOf(objectOf(settings, 'ipConfiguration'), 'privateNetwork')
  const version = textOf(source, 'databaseVersion') ?? ''
  const all = {
    region: textOf(source, 'region'),
    tier: textOf(settings, 'tier'),
    edition: textOf(settings, 'edition'),
    databaseVersion: version,
    diskSizeGb: textOf(settings, 'dataDiskSizeGb'),
    network,
  }
  return {
    reference,
    engine: 'postgres',
    engineVersion: textOf(source, 'databaseInstalledVersion') ?? version,
    sizeBytes: Number.isNaN(size) ? undefined : size * GiB,
    details: Object.fromEntries(
      Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
    ),
  }
}

/** The API knows no request ids: one that was made before is looked for, before and after. */
async function backUp(
  sql: Sql,
  wish: ManagedWish,
  { location, isCopy }: { readonly location: string | undefined; readonly isCopy: boolean },
  signal: AbortSignal,
): Promise<string> {
  const { api, instance, path } = sql
  const description = descriptionOf(wish, isCopy)
  const base = await path()
  const there = async (): Promise<string | undefined> => {
    const runs = await listRuns(sql, signal)
    const run = runs.find(
      one => textOf(one, 'description') === description && textOf(one, 'status') !== 'FAILED',
    )
    return run && referenceOf(base, run)
  }
  const known = await there()
  if (known !== undefined) return known
  const what = `making a backup of ${instance}`
  try {
    const begun = await api.call(
      {
        what,
        method: 'POST',
        path: `${base}/backupRuns`,
        body: { description, ...(location === undefined ? {} : { location }) },
        repeat: 'once',
      },
      signal,
    )
    const id = textOf(objectOf(begun, 'backupContext'), 'backupId')
    if (id !== undefined) return `${base.slice(1)}/backupRuns/${id}`
    throwIfFailed(api, begun, what)
  } catch (error) {
    if (!isFault(error, 'CLOUD_UNAVAILABLE')) throw error
    const made = await there()
    if (made === undefined) throw error
    return made
  }
  // The backup has its number once it is listed.
  return untilDone(there, sql.world, { what: `${api.location}: ${what}`, msMax: sql.timeLimitMs }, signal)
}

async function listRuns({ api, path }: Sql, signal: AbortSignal): Promise<readonly Json[]> {
  const found: Json[] = []
  let pageToken: string | undefined
  do {
    const page = await api.call(
      { what: 'listing backups', method: 'GET', path: `${await path()}/backupRuns`, query: { pageToken } },
      signal,
    )
    const { items } = page
    if (Array.isArray(items)) found.push(...(items as readonly Json[]))
    pageToken = textOf(page, 'nextPageToken')
  } while (pageToken !== undefined && found.length < limits.cloudListMax)
  return found
}

const referenceOf = (base: string, run: Json): string =>
  `${base.slice(1)}/backupRuns/${textOf(run, 'id') ?? ''}`

function stateOf(run: Json): ManagedState {
  const status = textOf(run, 'status') ?? ''
  const createdMs = Date.parse(textOf(run, 'startTime') ?? textOf(run, 'enqueuedTime') ?? '')
  return {
    state:
      status === 'SUCCESSFUL' ? 'ready' : /^(?:FAILED|SKIPPED|DELET)/.test(status) ? 'failed' : 'pending',
    ...(Number.isNaN(createdMs) ? {} : { createdMs }),
  }
}

/** Two steps: a new, empty instance like the old one, and the backup into it. */
async function restoreAs(
  sql: Sql,
  { reference, details, name }: ManagedRestore,
  { tags, copyTo }: CloudSettings,
  signal: AbortSignal,
): Promise<{ readonly address: string }> {
  const { api } = sql
  const [, project = '', instance = '', run = ''] =
    /^projects\/([^/]+)\/instances\/([^/]+)\/backupRuns\/(\d+)$/.exec(reference) ?? []
  const target = `/projects/${project}/instances/${name}`
  const backup = await api.find(
    { what: `looking at ${reference}`, method: 'GET', path: `/${reference}` },
    signal,
  )
  if (!backup || stateOf(backup).state !== 'ready') throw missing(api, reference)
  const { tier, edition, databaseVersion, diskSizeGb, network } = details
  const made = `making the instance ${name}`
  // One that is kept in the other region is there for when the first is lost.
  const isCopy = copyTo !== undefined && textOf(backup, 'location') === copyTo.region
  const region = isCopy ? copyTo.region : details['region']
  try {
    const begun = await api.call(
      {
        what: made,
        method: 'POST',
        path: `/projects/${project}/instances`,
        repeat: 'once',
        body: {
          name,
          databaseVersion,
          ...(region === undefined ? {} : { region }),
          settings: {
            tier,
            userLabels: tags,
            ...(edition === undefined ? {} : { edition }),
            ...(diskSizeGb === undefined ? {} : { dataDiskSizeGb: diskSizeGb }),
            ipConfiguration: network === undefined ? {} : { privateNetwork: network, ipv4Enabled: false },
          },
        },
      },
      signal,
    )
    await untilOperation(sql, begun, made, signal)
  } catch (error) {
    if (statusOf(error) === 409) throw taken(api, name)
    throw error
  }
  const restored = `restoring ${reference} into ${name}`
  const begun = await api.call(
    {
      what: restored,
      method: 'POST',
      path: `${target}/restoreBackup`,
      repeat: 'once',
      body: { restoreBackupContext: { backupRunId: run, instanceId: instance, project } },
    },
    signal,
  )
  await untilOperation(sql, begun, restored, signal)
  const now = await api.call({ what: `looking at ${name}`, method: 'GET', path: target }, signal)
  const addresses = Array.isArray(now['ipAddresses']) ? (now['ipAddresses'] as readonly Json[]) : []
  const [first] = addresses
  return { address: (first && textOf(first, 'ipAddress')) ?? textOf(now, 'connectionName') ?? name }
}

async function untilOperation(
  { api, world, timeLimitMs }: Sql,
  begun: Json,
  what: string,
  signal: AbortSignal,
): Promise<void> {
  const name = textOf(begun, 'name') ?? ''
  const project = textOf(begun, 'targetProject') ?? (await api.projectId())
  await untilDone(
    async () => {
      const path = `/projects/${project}/operations/${name}`
      const now = await api.call({ what, method: 'GET', path }, signal)
      throwIfFailed(api, now, what)
      return now['status'] === 'DONE' ? true : undefined
    },
    world,
    { what: `${api.location}: ${what}`, msMax: timeLimitMs },
    signal,
  )
}

function throwIfFailed(api: GoogleApi, operation: Json, what: string): void {
  const { errors } = objectOf(operation, 'error')
  if (!Array.isArray(errors) || errors.length === 0) return
  const { code = 'UNKNOWN', message = 'no reason given' } = errors[0] as {
    readonly code?: string
    readonly message?: string
  }
  throw operationFault({ code, message }, api.location, what)
}

function textOf(value: Json, key: string): string | undefined {
  const found = value[key]
  return typeof found === 'string' ? found : undefined
}

function objectOf(value: Json, key: string): Json {
  const found = value[key]
  return typeof found === 'object' && found !== null ? (found as Json) : {}
}

function missing({ location }: GoogleApi, reference: string): Fault {
  return new Fault('SNAPSHOT_MISSING', `${location} knows no finished backup ${reference}`, {
    hint: 'It is not complete yet, or was removed outside of Holdfast: with its instance its backups go, too. Holdfast verify says what else is missing.',
  })
}

function taken({ location }: GoogleApi, name: string): Fault {
  return new Fault('CLOUD_REFUSED', `${location} has an instance ${name} already, and nothing is replaced`, {
    hint: 'Choose another name with --as-instance; for a week Google gives none twice, also not that of one that was deleted.',
  })
}
