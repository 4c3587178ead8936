/** Bringing a snapshot back: a new disk in the zone of this machine, attached to it and mounted. */
import { Fault, messageOf } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import type { GceInstance } from '../../../cloud/google/instance.ts'
import { untilDone } from '../../../cloud/until-done.ts'
import { partitionName, type DiskHost } from '../../disks.ts'
import type { RestoreRequest, RestoredPlace } from '../../provider.ts'
import {
  labelsOf,
  listAll,
  placeLabels,
  requestId,
  textOf,
  untilOperation,
  type Compute,
  type Labels,
} from './compute.ts'

export interface RestoreDeps extends Compute {
  readonly machine: GceInstance
  readonly host: DiskHost
  readonly labels: Labels
}

export async function restoreDisk(
  deps: RestoreDeps,
  request: RestoreRequest,
  signal: AbortSignal,
): Promise<RestoredPlace> {
  const { machine, host, world } = deps
  const name = `holdfast-restored-${Buffer.from(world.randomBytes(6)).toString('hex')}`
  const zone = `/projects/${machine.project}/zones/${machine.zone}`
  const disk = `${zone}/disks/${name}`
  const undo: ((stop: AbortSignal) => Promise<unknown>)[] = []
  const discard = async (stop: AbortSignal): Promise<void> => {
    while (undo.length > 0) {
      await undo.at(-1)?.(stop)
      undo.pop()
    }
  }
  try {
    undo.push(stop => removeDisk(deps, disk, name, stop))
    await makeDisk(deps, zone, name, request, signal)
    undo.push(stop => detach(deps, name, stop))
    await attach(deps, disk, name, signal)
    const device = `/dev/${await appeared(deps, name, request, signal)}`
    await host.mount(device, request.fileSystem, request.to, signal)
    undo.push(stop => host.unmount(request.to, stop))
    const what = `the new disk ${name}, attached as ${device} and mounted at ${request.to}`
    return { what, volume: disk.slice(1), discard }
  } catch (error) {
    await discard(new AbortController().signal).catch((left: unknown) => {
      throw leftOver(error, disk, left)
    })
    throw error
  }
}

/** By its labels: whoever made it may have been killed before he had heard that it is there. */
export async function discardRestored(
  deps: RestoreDeps,
  request: RestoreRequest,
  signal: AbortSignal,
): Promise<void> {
  const { machine, host, api } = deps
  const { id, snapshot, to } = request
  await host.unmount(to, signal)
  const zone = `/projects/${machine.project}/zones/${machine.zone}`
  const labels = { ...labelsOf(request, id, snapshot.volume), ...placeLabels(to) }
  const filter = Object.entries(labels)
    .map(([name, value]) => `labels.${name}=${value}`)
    .join(' AND ')
  const what = `looking for disks that were restored to ${to}`
  for (const disk of await listAll(api, { what, path: `${zone}/disks`, filter }, signal)) {
    const name = textOf(disk, 'name')
    if (name === undefined) continue
    await detach(deps, name, signal)
    await removeDisk(deps, `${zone}/disks/${name}`, name, signal)
  }
}

async function makeDisk(
  deps: RestoreDeps,
  zone: string,
  name: string,
  request: RestoreRequest,
  signal: AbortSignal,
): Promise<void> {
  const { snapshot, id } = request
  const { diskType } = snapshot.details
  const what = `making a disk of ${snapshot.reference}`
  const begun = await deps.api.call(
    {
      what,
      method: 'POST',
      path: `${zone}/disks`,
      query: { requestId: requestId(deps) },
      body: {
        name,
        sourceSnapshot: snapshot.reference,
        labels: { ...deps.labels, ...labelsOf(request, id, snapshot.volume), ...placeLabels(request.to) },
        ...(diskType === undefined ? {} : { type: `${zone.slice(1)}/diskTypes/${diskType}` }),
      },
    },
    signal,
  )
  await untilOperation(deps, begun, what, signal)
}

const instancePath = ({ machine }: RestoreDeps): string =>
  `/projects/${machine.project}/zones/${machine.zone}/instances/${machine.name}`

async function attach(deps: RestoreDeps, disk: string, name: string, signal: AbortSignal): Promise<void> {
  const what = `attaching ${name} to ${deps.machine.name}`
  const begun = await deps.api.call(
    {
      what,
      method: 'POST',
      path: `${instancePath(deps)}/attachDisk`,
      query: { requestId: requestId(deps) },
      body: { source: disk.slice(1), deviceName: name, autoDelete: false, mode: 'READ_WRITE' },
    },
    signal,
  )
  await untilOperation(deps, begun, what, signal)
}

/** By the link that Google's rules for udev make. */
async function appeared(
  { host, world, timeLimitMs }: RestoreDeps,
  name: string,
  request: RestoreRequest,
  signal: AbortSignal,
): Promise<string> {
  const disk = await untilDone(
    async () => (await host.names()).get(`google-${name}`),
    world,
    { what: `the disk ${name} on this host`, msMax: Math.min(timeLimitMs, limits.storageRequestMsMax) },
    signal,
  )
  return partitionName(disk, request.snapshot.details['partition'] ?? '')
}

/** One that was never attached is detached already. */
async function detach(deps: RestoreDeps, name: string, signal: AbortSignal): Promise<void> {
  const what = `detaching ${name}`
  const instance = await deps.api.find({ what, method: 'GET', path: instancePath(deps) }, signal)
  const disks = Array.isArray(instance?.['disks']) ? (instance['disks'] as readonly unknown[]) : []
  const isThere = disks.some(
    disk => typeof disk === 'object' && disk !== null && 'deviceName' in disk && disk.deviceName === name,
  )
  if (!isThere) return
  const begun = await deps.api.call(
    {
      what,
      method: 'POST',
      path: `${instancePath(deps)}/detachDisk`,
      query: { deviceName: name, requestId: requestId(deps) },
    },
    signal,
  )
  await untilOperation(deps, begun, what, signal)
}

async function removeDisk(deps: RestoreDeps, disk: string, name: string, signal: AbortSignal): Promise<void> {
  const what = `removing the disk ${name}`
  const begun = await deps.api.find(
    { what, method: 'DELETE', path: disk, query: { requestId: requestId(deps) } },
    signal,
  )
  if (begun) await untilOperation(deps, begun, what, signal)
}

export function notOnGoogle({ snapshot: { reference } }: RestoreRequest): Fault {
  const name = reference.split('/').at(-1) ?? reference
  return new Fault(
    'SNAPSHOT_UNSUPPORTED',
    `a disk of ${name} can only be attached to a machine of Compute Engine, and this host is none (its metadata server does not answer)`,
    {
      hint:
        `Run the restore on such a machine. By hand: gcloud compute disks create DISK --source-snapshot=${name} --zone=ZONE; ` +
        'gcloud compute instances attach-disk INSTANCE --disk=DISK --zone=ZONE; mount it, and see docs/snapshots.md for the label files.',
    },
  )
}

function leftOver(error: unknown, disk: string, left: unknown): unknown {
  if (!(error instanceof Fault)) return error
  return new Fault(
    error.code,
    `${error.message}; and the new disk ${disk} could not be taken away: ${messageOf(left)}`,
    { hint: error.hint, cause: error },
  )
}
