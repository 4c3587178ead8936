/** The calls of Compute Engine that several parts of the provider make, and what its answers hold. */
import { createHash } from 'node:crypto'
import { limits } from '../../../base/limits.ts'
import type { World } from '../../../base/world.ts'
import type { GoogleApi, Json } from '../../../cloud/google/api.ts'
import { operationFault } from '../../../cloud/google/faults.ts'
import { untilDone } from '../../../cloud/until-done.ts'
import type { FoundSnapshot, SnapshotCluster, SnapshotOwner } from '../../provider.ts'

export const computeService = {
  name: 'Compute Engine',
  endpoint: 'https://compute.googleapis.com/compute/v1',
} as const

export interface Compute {
  readonly api: GoogleApi
  readonly world: World
  readonly timeLimitMs: number
}

export type Labels = Readonly<Record<string, string>>

/** A second request with the same one is the same wish. */
export function requestId({ world }: Pick<Compute, 'world'>): string {
  const bytes = Buffer.from(world.randomBytes(16))
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** Small letters, digits, `-` and `_` are all that labels may have. */
export function labelsOf({ cluster, systemIdentifier }: SnapshotCluster, id: string, volume: string): Labels {
  return {
    'holdfast-cluster': cluster,
    'holdfast-system': systemIdentifier,
    'holdfast-id': id.toLowerCase(),
    'holdfast-volume': volume,
  }
}

/** Where a restored disk is mounted, as a label can say it. */
export const placeLabels = (to: string): Labels => ({
  'holdfast-place': createHash('sha256').update(to).digest('hex').slice(0, 32),
})

export const repositoryLabel = 'holdfast-repository'

export const clusterFilter = ({ cluster, systemIdentifier }: SnapshotCluster): string =>
  `labels.holdfast-cluster=${cluster} AND labels.holdfast-system=${systemIdentifier}`

/** Names are those of the project: the hash keeps clusters apart, and clones of them. */
export function snapshotName(
  { cluster, systemIdentifier, repository }: SnapshotOwner,
  id: string,
  volume: string,
): string {
  const owner = `${cluster}\n${systemIdentifier}\n${repository}`
  const hash = createHash('sha256').update(owner).digest('hex').slice(0, 8)
  return `holdfast-${(id.split('-', 1)[0] ?? '').toLowerCase()}-${volume}-${hash}`.slice(0, 63)
}

export function foundOf(snapshot: Json, project: string): FoundSnapshot | undefined {
  const { name, labels } = snapshot
  const given = typeof labels === 'object' && labels !== null ? (labels as Labels) : {}
  const [id, volume] = [given['holdfast-id'], given['holdfast-volume']]
  if (typeof name !== 'string' || id === undefined || volume === undefined) return undefined
  const reference = `projects/${project}/global/snapshots/${name}`
  return { id: idOf(id), volume, reference, repository: given[repositoryLabel] }
}

/** `20260301t020000z-snapshot`, as it was before it became a label. */
const idOf = (label: string): string => label.replace(/^(\d{8})t(\d{6})z/, '$1T$2Z')

/** Everything on the way: until the operation is done, with its fault if it has one. */
export async function untilOperation(
  { api, world, timeLimitMs }: Compute,
  begun: Json,
  what: string,
  signal: AbortSignal,
): Promise<void> {
  const path = pathOf(textOf(begun, 'selfLink') ?? '')
  await untilDone(
    async () => {
      const now = begun['status'] === 'DONE' ? begun : await api.call({ what, method: 'GET', path }, signal)
      throwIfFailed(api, now, what)
      return now['status'] === 'DONE' ? true : undefined
    },
    world,
    { what: `${api.location}: ${what}`, msMax: timeLimitMs },
    signal,
  )
}

/** An operation tells its failure beside its state. */
export function throwIfFailed(api: Pick<GoogleApi, 'location'>, operation: Json, what: string): void {
  const { error } = operation
  if (typeof error !== 'object' || error === null || !('errors' in error) || !Array.isArray(error.errors))
    return
  const [first] = error.errors as readonly unknown[]
  const { code = 'UNKNOWN', message = 'no reason given' } = (first ?? {}) as {
    readonly code?: string
    readonly message?: string
  }
  throw operationFault({ code, message }, api.location, what)
}

/** `projects/p/zones/z/disks/d` of a whole URL, with a slash before. */
export function pathOf(link: string): string {
  const at = link.indexOf('projects/')
  return at < 0 ? link : `/${link.slice(at)}`
}

export function textOf(value: Json, key: string): string | undefined {
  const found = value[key]
  return typeof found === 'string' ? found : undefined
}

export function listOf(value: Json, key: string): readonly Json[] {
  const found = value[key]
  return Array.isArray(found) ? (found as readonly Json[]) : []
}

/** All pages of a list. */
export async function listAll(
  api: GoogleApi,
  call: { readonly what: string; readonly path: string; readonly filter?: string },
  signal: AbortSignal,
): Promise<readonly Json[]> {
  const found: Json[] = []
  let pageToken: string | undefined
  do {
    const page = await api.call(
      { what: call.what, method: 'GET', path: call.path, query: { filter: call.filter, pageToken } },
      signal,
    )
    found.push(...listOf(page, 'items'))
    pageToken = textOf(page, 'nextPageToken')
  } while (pageToken !== undefined && found.length < limits.cloudListMax)
  return found
}
