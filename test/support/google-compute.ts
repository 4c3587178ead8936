/** Compute Engine for tests: disks, snapshots, machines that disks are attached to, and the operations that all of it takes. */
import {
  GoogleError,
  onlyKeys,
  startGoogle,
  type GoogleRequest,
  type GoogleServer,
  type Json,
} from './google-cloud.ts'

export const project = 'gathr'
export const zone = 'europe-west1-b'
export const machine = 'db1'
const root = `/projects/${project}`
const inZone = `${root}/zones/${zone}`

export interface ComputeServer extends GoogleServer {
  readonly disks: Map<string, Json>
  readonly snapshots: Map<string, Json>
  readonly attached: Map<string, string>
  /** Snapshots of this disk fail after they were begun. */
  failing: string | undefined
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const resourceName = /^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$/

export async function startCompute(): Promise<ComputeServer> {
  const disks = new Map<string, Json>()
  const snapshots = new Map<string, Json>()
  /** By device name: a disk's name. */
  const attached = new Map<string, string>()
  const operations = new Map<string, Json>()
  const wishes = new Map<string, Json>()
  const looks = new Map<string, number>()
  let endpoint = ''

  const operation = (scope: string, error?: Json): Json => {
    const name = `operation-${String(operations.size + 1)}`
    const selfLink = `${endpoint}${scope}/operations/${name}`
    const begun = { kind: 'compute#operation', name, selfLink, status: 'RUNNING' }
    operations.set(`${scope}/operations/${name}`, { ...begun, status: 'DONE', ...(error ? { error } : {}) })
    return begun
  }
  /** A request that is repeated with its id gives the operation of the first. */
  const once = ({ query }: GoogleRequest, work: () => Json): Json => {
    const id = query['requestId'] ?? ''
    if (!uuid.test(id)) throw new GoogleError(400, 'invalid', 'requestId is not a UUID')
    const done = wishes.get(id) ?? work()
    wishes.set(id, done)
    return done
  }

  const createSnapshot = (disk: string, { body }: GoogleRequest): Json => {
    onlyKeys(body, ['name', 'description', 'labels', 'storageLocations'], 'snapshot')
    const name = nameOf(body)
    checkLabels(body)
    if (!disks.has(disk)) throw new GoogleError(404, 'notFound')
    if (snapshots.has(name)) throw new GoogleError(409, 'alreadyExists')
    const fails = server.failing === disk
    if (!fails)
      snapshots.set(name, {
        ...body,
        status: 'CREATING',
        sourceDisk: `${endpoint}${inZone}/disks/${disk}`,
        storageBytes: '4096',
      })
    return operation(
      inZone,
      fails ? errors('RESOURCE_NOT_READY', `The disk ${disk} is not ready`) : undefined,
    )
  }

  /** CREATING, then UPLOADING, then READY: one look each. */
  const snapshotNow = (name: string): Json => {
    const found = snapshots.get(name)
    if (!found) throw new GoogleError(404, 'notFound', `The resource '${name}' was not found`)
    const seen = (looks.get(name) ?? 0) + 1
    looks.set(name, seen)
    const status = (['CREATING', 'UPLOADING', 'READY'] as const)[Math.min(seen, 3) - 1]
    return { ...found, name, status }
  }

  const serve = (request: GoogleRequest): Json => {
    const { method, path, query, body } = request
    const call = `${method} ${path.startsWith(inZone) ? path.slice(inZone.length) : path.slice(root.length)}`
    const [, kind = '', name = ''] = /^\w+ (?:\/global)?\/(\w+)(?:\/([^/]+))?/.exec(call) ?? []
    if (/^GET (?:\/global)?\/operations\//.test(call)) return operations.get(path) ?? notFound()
    if (call === `GET /instances/${machine}`)
      return {
        name: machine,
        disks: [...attached].map(([deviceName, disk]) => ({
          deviceName,
          source: `https://www.googleapis.com/compute/v1${inZone}/disks/${disk}`,
        })),
      }
    if (/^POST \/disks\/[^/]+\/createSnapshot$/.test(call))
      return once(request, () => createSnapshot(name, request))
    if (call === 'GET /disks') return { items: matching(disks, query['filter'] ?? '') }
    if (method === 'GET' && kind === 'disks') return disks.get(name) ?? notFound()
    if (call === 'GET /global/snapshots') return { items: matching(snapshots, query['filter'] ?? '') }
    if (method === 'GET' && kind === 'snapshots') return snapshotNow(name)
    if (method === 'DELETE' && kind === 'snapshots')
      return once(request, () => (snapshots.delete(name) ? operation(`${root}/global`) : notFound()))
    if (call === 'POST /disks')
      return once(request, () => {
        onlyKeys(body, ['name', 'sourceSnapshot', 'labels', 'type'], 'disk')
        checkLabels(body)
        if (!snapshots.has(String(body['sourceSnapshot']).split('/').at(-1) ?? '')) notFound()
        disks.set(nameOf(body), body)
        return operation(inZone)
      })
    if (method === 'DELETE' && kind === 'disks')
      return once(request, () => {
        if ([...attached.values()].includes(name))
          throw new GoogleError(400, 'resourceInUseByAnotherResource')
        return disks.delete(name) ? operation(inZone) : notFound()
      })
    if (call === `POST /instances/${machine}/attachDisk`)
      return once(request, () => {
        onlyKeys(body, ['source', 'deviceName', 'autoDelete', 'mode'], 'attachedDisk')
        const disk = String(body['source']).split('/').at(-1) ?? ''
        if (!disks.has(disk)) notFound()
        attached.set(String(body['deviceName']), disk)
        return operation(inZone)
      })
    if (call === `POST /instances/${machine}/detachDisk`)
      return once(request, () =>
        attached.delete(query['deviceName'] ?? '') ? operation(inZone) : notFound(),
      )
    throw new GoogleError(404, 'notFound', `no such method: ${call}`)
  }

  const started = await startGoogle(serve)
  endpoint = started.endpoint
  const server: ComputeServer = { ...started, disks, snapshots, attached, failing: undefined }
  return server
}

const errors = (code: string, message: string): Json => ({ errors: [{ code, message }] })

function notFound(): never {
  throw new GoogleError(404, 'notFound', 'The resource was not found')
}

function nameOf(body: Json): string {
  const name = String(body['name'])
  if (resourceName.test(name)) return name
  throw new GoogleError(400, 'invalid', `Invalid value for field 'resource.name': '${name}'`)
}

function checkLabels({ labels = {} }: Json): void {
  for (const [key, value] of Object.entries(labels as Record<string, string>))
    if (!/^[a-z][a-z0-9_-]{0,62}$/.test(key) || !/^[a-z0-9_-]{0,63}$/.test(value))
      throw new GoogleError(400, 'invalid', `Invalid label ${key}=${value}`)
}

/** `labels.a=b AND labels.c=d`. */
function matching(resources: ReadonlyMap<string, Json>, filter: string): readonly Json[] {
  const wanted = filter.split(' AND ').map(part => /^labels\.([a-z0-9_-]+)=([a-z0-9_-]+)$/.exec(part))
  if (wanted.includes(null)) throw new GoogleError(400, 'invalid', `Invalid filter: ${filter}`)
  return [...resources]
    .filter(([, { labels = {} }]) =>
      wanted.every(part => part && (labels as Record<string, string>)[part[1] ?? ''] === part[2]),
    )
    .map(([name, resource]) => ({ ...resource, name }))
}
