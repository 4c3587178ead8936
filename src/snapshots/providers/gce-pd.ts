/**
 * Disks of Google Compute Engine. Each disk has its own snapshot, all of them begun at once inside the bracket of the backup;
 * what lies between them is mended by WAL, as between the files of any base backup.
 *
 * A snapshot is known again by its labels. Its bytes are on their way for a while after it was made.
 */
import { Fault } from '../../base/fault.ts'
import type { World } from '../../base/world.ts'
import { openGoogleApi, type Json } from '../../cloud/google/api.ts'
import { googleMetadataEndpoint, thisGceInstance, type GceInstance } from '../../cloud/google/instance.ts'
import { untilDone } from '../../cloud/until-done.ts'
import { takeAll } from '../all-or-nothing.ts'
import type { CloudSettings, SnapshotSettings } from '../description.ts'
import { diskHost, type DiskHost } from '../disks.ts'
import { mountOf, type Mount } from '../mounts.ts'
import type {
  CreateRequest,
  RestoreRequest,
  SnapshotProvider,
  SnapshotState,
  TakenSnapshot,
  Tree,
  Volume,
} from '../provider.ts'
import { assertNothingMounted, gatherVolumes, unsupported, type VolumeRoot } from '../volumes.ts'
import {
  clusterFilter,
  computeService,
  foundOf,
  labelsOf,
  listAll,
  listOf,
  pathOf,
  repositoryLabel,
  requestId,
  snapshotName,
  textOf,
  throwIfFailed,
  untilOperation,
  type Compute,
} from './gce-pd/compute.ts'
import { discardRestored, notOnGoogle, restoreDisk, type RestoreDeps } from './gce-pd/restore.ts'

export interface GceSurroundings {
  readonly world: World
  readonly host?: DiskHost
  /** Which machine this is; another one is for tests. */
  readonly machine?: (signal: AbortSignal) => Promise<GceInstance | undefined>
}

export function openGcePd(
  settings: SnapshotSettings,
  cloud: CloudSettings,
  { world, host = diskHost(settings), machine }: GceSurroundings,
): SnapshotProvider {
  if (cloud.copyTo) throw noCopies()
  const { timeLimitMs } = settings
  const compute: Compute = { api: openGoogleApi(computeService, cloud, world), world, timeLimitMs }
  const here =
    machine ??
    ((signal: AbortSignal) => thisGceInstance(cloud.metadataEndpoint ?? googleMetadataEndpoint, signal))
  const restoringOf = async (request: RestoreRequest, signal: AbortSignal): Promise<RestoreDeps> => {
    const found = await here(signal)
    if (!found) throw notOnGoogle(request)
    return { ...compute, machine: found, host, labels: cloud.tags }
  }
  return {
    name: 'gce-pd',
    restores: 'volumes',
    volumesOf: async (trees, signal) => {
      const mounts = await host.mounts()
      const sources = sourceFinder(compute, host, here, signal)
      return gatherVolumes(trees, tree => {
        assertNothingMounted(mounts, tree, trees)
        return rootOf(tree, mounts, settings, sources)
      })
    },
    async create(request, signal) {
      signal.throwIfAborted()
      return takeAll(
        request,
        {
          take: (volume, stop) => take({ compute, cloud, host }, request, volume, stop),
          undo: async (volume, stop) => {
            await remove(compute, await referenceOf(compute, request, volume), stop)
          },
        },
        signal,
      )
    },
    async list(owner, _mountPaths, signal) {
      const project = await compute.api.projectId()
      const found = await listAll(
        compute.api,
        {
          what: 'listing snapshots',
          path: `/projects/${project}/global/snapshots`,
          filter: clusterFilter(owner),
        },
        signal,
      )
      return found.flatMap(snapshot => foundOf(snapshot, project) ?? [])
    },
    async describe({ reference }, signal) {
      const snapshot = await look(compute, reference, signal)
      return snapshot && stateOf(snapshot)
    },
    restore: async (request, signal) => restoreDisk(await restoringOf(request, signal), request, signal),
    discard: async (request, signal) => discardRestored(await restoringOf(request, signal), request, signal),
    remove: ({ reference }, signal) => remove(compute, reference, signal),
    close: () => Promise.resolve(),
  }
}

interface SourceFinder {
  /** `projects/p/zones/z/disks/d` of a device's disk; undefined when this host does not tell. */
  of(mount: Mount): Promise<string | undefined>
  /** What the configuration calls a disk, as a whole name. */
  named(id: string): Promise<string>
}

/** A disk's name on the machine is the machine's own; which disk that is, the machine's description says. */
function sourceFinder(
  { api }: Compute,
  host: DiskHost,
  here: (signal: AbortSignal) => Promise<GceInstance | undefined>,
  signal: AbortSignal,
): SourceFinder {
  let asked: Promise<Json | undefined> | undefined
  const describe = async (): Promise<Json | undefined> => {
    const machine = await here(signal)
    if (!machine) return undefined
    const path = `/projects/${machine.project}/zones/${machine.zone}/instances/${machine.name}`
    return api.call({ what: `looking at ${machine.name}`, method: 'GET', path }, signal)
  }
  return {
    async of({ source }) {
      const disk = await host.diskOf(source)
      const names = [...(await host.names())].filter(([, one]) => one === disk?.name).map(([name]) => name)
      const instance = await (asked ??= describe())
      const found = instance
        ? listOf(instance, 'disks').find(one => names.includes(`google-${textOf(one, 'deviceName') ?? ''}`))
        : undefined
      const link = found && textOf(found, 'source')
      return link === undefined ? undefined : pathOf(link).slice(1)
    },
    async named(id) {
      if (id.includes('projects/')) return pathOf(id).slice(1)
      const project = await api.projectId()
      if (/^(?:zones|regions)\//.test(id)) return `projects/${project}/${id}`
      const machine = await here(signal)
      if (machine) return `projects/${machine.project}/zones/${machine.zone}/disks/${id}`
      throw unsupported(
        `snapshots.volumes names the disk ${id}, and this host does not tell in which zone`,
        `Write it as zones/ZONE/disks/${id}.`,
      )
    },
  }
}

async function rootOf(
  tree: Tree,
  mounts: readonly Mount[],
  { volumes }: SnapshotSettings,
  sources: SourceFinder,
): Promise<VolumeRoot> {
  const mount = mountOf(mounts, tree.path)
  const named = volumes.find(volume => volume.mount === mount?.path)
  const source = named ? await sources.named(named.id) : mount && (await sources.of(mount))
  if (mount && source !== undefined) return { source, mountPath: mount.path, fileSystem: mount.fileSystem }
  throw unsupported(
    `${tree.path} lies on ${mount?.source ?? 'an unknown device'}, of which this host does not tell the disk of Compute Engine`,
    `Name it in snapshots.volumes: {mount: ${mount?.path ?? tree.path}, id: zones/ZONE/disks/DISK}. Several disks joined by LVM or RAID can not be snapshotted by this provider.`,
  )
}

interface TakeDeps {
  readonly compute: Compute
  readonly cloud: CloudSettings
  readonly host: DiskHost
}

async function take(
  { compute, cloud, host }: TakeDeps,
  request: CreateRequest,
  volume: Volume,
  signal: AbortSignal,
): Promise<TakenSnapshot> {
  const { api } = compute
  const what = `making a snapshot of ${volume.source}`
  const name = snapshotName(request, request.id, volume.name)
  const disk = await api.call(
    { what: `looking at ${volume.source}`, method: 'GET', path: `/${volume.source}` },
    signal,
  )
  const begun = await api.call(
    {
      what,
      method: 'POST',
      path: `/${volume.source}/createSnapshot`,
      query: { requestId: requestId(compute) },
      body: {
        name,
        description: `Holdfast: ${request.cluster} ${request.id}`,
        labels: {
          ...cloud.tags,
          ...labelsOf(request, request.id, volume.name),
          [repositoryLabel]: request.repository,
        },
        ...(cloud.storageLocation === undefined ? {} : { storageLocations: [cloud.storageLocation] }),
      },
    },
    signal,
  )
  const reference = await referenceOf(compute, request, volume)
  const frozen = await untilFrozen(compute, begun, reference, what, signal)
  return {
    volume: volume.name,
    reference,
    sizeBytes: stateOf(frozen).sizeBytes,
    details: await detailsOf(disk, volume, host),
  }
}

/** Only then does it hold what was on the disk inside of the bracket: `CREATING` is before that moment. */
function untilFrozen(
  compute: Compute,
  begun: Json,
  reference: string,
  what: string,
  signal: AbortSignal,
): Promise<Json> {
  const { api, world, timeLimitMs } = compute
  const operation = pathOf(textOf(begun, 'selfLink') ?? '')
  return untilDone(
    async () => {
      throwIfFailed(api, await api.call({ what, method: 'GET', path: operation }, signal), what)
      const snapshot = await look(compute, reference, signal)
      const status = snapshot && textOf(snapshot, 'status')
      if (status === 'FAILED') throw failed(reference)
      return status === 'UPLOADING' || status === 'READY' ? snapshot : undefined
    },
    world,
    { what: `${api.location}: ${what}`, msMax: timeLimitMs },
    signal,
  )
}

async function referenceOf(
  { api }: Compute,
  request: CreateRequest,
  { name, source }: Volume,
): Promise<string> {
  // A disk may lie in another project than the credentials: its snapshots do, too.
  const project = /^projects\/([^/]+)\//.exec(source)?.[1] ?? (await api.projectId())
  return `projects/${project}/global/snapshots/${snapshotName(request, request.id, name)}`
}

async function detailsOf(
  disk: Json,
  { mountPath, source }: Volume,
  host: DiskHost,
): Promise<Readonly<Record<string, string>>> {
  const mount = mountOf(await host.mounts(), mountPath)
  const partition = (mount && (await host.diskOf(mount.source)))?.partition ?? ''
  const diskType = textOf(disk, 'type')?.split('/').at(-1)
  const zone = /\/zones\/([^/]+)\//.exec(`/${source}`)?.[1]
  return {
    ...(diskType === undefined ? {} : { diskType }),
    ...(zone === undefined ? {} : { zone }),
    ...(partition === '' ? {} : { partition }),
  }
}

const look = ({ api }: Compute, reference: string, signal: AbortSignal): Promise<Json | undefined> =>
  api.find({ what: `looking at ${reference}`, method: 'GET', path: `/${reference}` }, signal)

async function remove(compute: Compute, reference: string, signal: AbortSignal): Promise<void> {
  const what = `removing ${reference}`
  const begun = await compute.api.find(
    { what, method: 'DELETE', path: `/${reference}`, query: { requestId: requestId(compute) } },
    signal,
  )
  if (begun) await untilOperation(compute, begun, what, signal)
}

function stateOf(snapshot: Json): SnapshotState {
  const status = textOf(snapshot, 'status')
  const storageBytes = Number(textOf(snapshot, 'storageBytes') ?? Number.NaN)
  return {
    state: status === 'READY' ? 'ready' : status === 'FAILED' ? 'failed' : 'pending',
    sizeBytes: Number.isNaN(storageBytes) ? undefined : storageBytes,
  }
}

function failed(reference: string): Fault {
  return new Fault('SNAPSHOT_FAILED', `${reference} failed as soon as it was begun`, {
    hint: "Try again; look at the disk's state in the console of Compute Engine.",
  })
}

function noCopies(): Fault {
  return new Fault(
    'CONFIG_INVALID',
    'snapshots.copy_to is not for gce-pd: Google copies no snapshots of disks',
    {
      hint: 'Say where they are kept instead: `storage_location` takes a region, or a group of regions such as eu.',
    },
  )
}
