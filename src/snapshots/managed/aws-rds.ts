/** Amazon RDS for PostgreSQL: snapshots of an instance. A snapshot is known again by its tags. */
import {
  CopyDBSnapshotCommand,
  CreateDBSnapshotCommand,
  DeleteDBSnapshotCommand,
  DescribeDBInstancesCommand,
  DescribeDBSnapshotsCommand,
  RDSClient,
  RestoreDBInstanceFromDBSnapshotCommand,
  type DBInstance,
  type DBSnapshot,
  type Tag,
} from '@aws-sdk/client-rds'
import { createHash } from 'node:crypto'
import { Fault, isFault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { GiB } from '../../base/units.ts'
import type { World } from '../../base/world.ts'
import { openAwsApi, type AwsApi } from '../../cloud/aws/api.ts'
import { awsCodeOf } from '../../cloud/aws/faults.ts'
import { untilDone } from '../../cloud/until-done.ts'
import type { CloudSettings } from '../description.ts'
import type {
  FoundManaged,
  ManagedRestore,
  ManagedServer,
  ManagedSettings,
  ManagedState,
  ManagedWish,
} from './server.ts'

type Rds = AwsApi<RDSClient>

const key = { cluster: 'holdfast:cluster', repository: 'holdfast:repository', id: 'holdfast:id' } as const

export function openAwsRds(
  { instance, timeLimitMs }: ManagedSettings,
  { access, copyTo, tags }: CloudSettings,
  world: World,
): ManagedServer {
  const opened = new Map<string, Promise<Rds>>()
  const rdsIn = (region = access.region): Promise<Rds> => {
    const service = { name: 'RDS', make: (given: object) => new RDSClient(given) }
    const known =
      opened.get(region ?? '') ??
      openAwsApi(service, region === undefined ? access : { ...access, region }, world)
    opened.set(region ?? '', known)
    return known
  }
  const tagsOf = ({ cluster, repository, id }: ManagedWish): Tag[] =>
    Object.entries({
      ...tags,
      [key.cluster]: cluster,
      [key.repository]: repository,
      [key.id]: id,
    }).map(([Key, Value]) => ({ Key, Value }))
  return {
    name: 'aws-rds',
    instance,
    copyTarget: copyTo?.region,
    async create(wish, signal) {
      const rds = await rdsIn()
      const source = await lookAtInstance(rds, instance, signal)
      const identifier = identifierOf(wish)
      await orTaken('DBSnapshotAlreadyExists', () =>
        rds.call(
          { what: `making a snapshot of ${instance}` },
          (client, options) =>
            client.send(
              new CreateDBSnapshotCommand({
                DBInstanceIdentifier: instance,
                DBSnapshotIdentifier: identifier,
                Tags: tagsOf(wish),
              }),
              options,
            ),
          signal,
        ),
      )
      return {
        reference: `${rds.region}/${identifier}`,
        engine: source.Engine ?? 'postgres',
        engineVersion: source.EngineVersion ?? '',
        sizeBytes: source.AllocatedStorage === undefined ? undefined : source.AllocatedStorage * GiB,
        details: detailsOf(source, rds.region),
      }
    },
    async list(wish, signal) {
      const places = [await rdsIn(), ...(copyTo ? [await rdsIn(copyTo.region)] : [])]
      const found: FoundManaged[] = []
      const closed: Fault[] = []
      // A region that is lost does not hide what lies in the other one.
      await Promise.all(
        places.map(async rds => {
          try {
            found.push(...(await listIn(rds, wish.cluster, signal)))
          } catch (error) {
            signal.throwIfAborted()
            if (!isFault(error)) throw error
            closed.push(error)
          }
        }),
      )
      return { found, closed }
    },
    async describe(reference, signal) {
      const { region, id } = placeOf(reference)
      const snapshot = await findSnapshot(await rdsIn(region), id, signal)
      return snapshot && stateOf(snapshot)
    },
    async copy(wish, { reference }, region, signal) {
      const { region: home, id } = placeOf(reference)
      const [from, to] = [await rdsIn(home), await rdsIn(region)]
      const snapshot = await findSnapshot(from, id, signal)
      if (!snapshot?.DBSnapshotArn) throw missing(from, id)
      const { DBSnapshotArn: arn } = snapshot
      await orTaken('DBSnapshotAlreadyExists', () =>
        to.call(
          { what: `copying ${reference}` },
          (client, options) =>
            client.send(
              new CopyDBSnapshotCommand({
                // The SDK reads the region from it, and signs what RDS asks of that one.
                SourceDBSnapshotIdentifier: arn,
                TargetDBSnapshotIdentifier: id,
                Tags: tagsOf(wish),
                ...(copyTo?.kmsKey === undefined ? {} : { KmsKeyId: copyTo.kmsKey }),
              }),
              options,
            ),
          signal,
        ),
      )
      return `${to.region}/${id}`
    },
    async restore(request, signal) {
      const { region } = placeOf(request.reference)
      return restoreInstance(await rdsIn(region), request, { timeLimitMs, world, tags }, signal)
    },
    async remove(reference, signal) {
      const { region, id } = placeOf(reference)
      const rds = await rdsIn(region)
      await orTaken('DBSnapshotNotFound', () =>
        rds.call(
          { what: `removing ${reference}` },
          (client, options) =>
            client.send(new DeleteDBSnapshotCommand({ DBSnapshotIdentifier: id }), options),
          signal,
        ),
      )
    },
    async close() {
      for (const rds of await Promise.allSettled(opened.values()))
        if (rds.status === 'fulfilled') rds.value.close()
    },
  }
}

function placeOf(reference: string): { readonly region: string; readonly id: string } {
  const at = reference.indexOf('/')
  return { region: reference.slice(0, at), id: reference.slice(at + 1) }
}

/** Names are those of the account: the hash keeps clusters (and clones of them) apart, whose names may hold what RDS takes in no name. */
function identifierOf({ cluster, repository, id }: ManagedWish): string {
  const hash = createHash('sha256').update(`${cluster}\n${repository}`).digest('hex').slice(0, 8)
  return `holdfast-${(id.split('-', 1)[0] ?? '').toLowerCase()}-${hash}`
}

/** Fault classes have two names, with and without `Fault` at the end. */
async function orTaken(code: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!isCode(error, code)) throw error
  }
}

const isCode = (error: unknown, code: string): boolean => {
  const found = awsCodeOf(error)
  return found === code || found === `${code}Fault`
}

async function lookAtInstance(rds: Rds, name: string, signal: AbortSignal): Promise<DBInstance> {
  const found = await findInstance(rds, name, signal)
  if (!found)
    throw new Fault('SNAPSHOT_UNSUPPORTED', `${rds.location} knows no instance ${name}`, {
      hint: 'Check `snapshots.instance` and `snapshots.region`.',
    })
  if (found.Engine?.startsWith('aurora') === true)
    throw new Fault(
      'SNAPSHOT_UNSUPPORTED',
      `${name} is an instance of Aurora, whose snapshots are those of a cluster`,
      {
        hint: 'Holdfast makes snapshots of RDS for PostgreSQL; take dumps of this server: holdfast dump.',
      },
    )
  return found
}

async function findInstance(rds: Rds, name: string, signal: AbortSignal): Promise<DBInstance | undefined> {
  try {
    const { DBInstances = [] } = await rds.call(
      { what: `looking at ${name}` },
      (client, options) =>
        client.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: name }), options),
      signal,
    )
    return DBInstances[0]
  } catch (error) {
    if (isCode(error, 'DBInstanceNotFound')) return undefined
    throw error
  }
}

async function findSnapshot(rds: Rds, id: string, signal: AbortSignal): Promise<DBSnapshot | undefined> {
  try {
    const { DBSnapshots = [] } = await rds.call(
      { what: `looking at ${id}` },
      (client, options) => client.send(new DescribeDBSnapshotsCommand({ DBSnapshotIdentifier: id }), options),
      signal,
    )
    return DBSnapshots[0]
  } catch (error) {
    if (isCode(error, 'DBSnapshotNotFound')) return undefined
    throw error
  }
}

async function listIn(rds: Rds, cluster: string, signal: AbortSignal): Promise<readonly FoundManaged[]> {
  const found: FoundManaged[] = []
  let Marker: string | undefined
  do {
    const page = await rds.call(
      { what: 'listing snapshots' },
      (client, options) =>
        client.send(
          new DescribeDBSnapshotsCommand({
            SnapshotType: 'manual',
            ...(Marker === undefined ? {} : { Marker }),
          }),
          options,
        ),
      signal,
    )
    for (const snapshot of page.DBSnapshots ?? []) {
      const { DBSnapshotIdentifier, DBInstanceIdentifier: volume = '', TagList = [] } = snapshot
      const of = (name: string): string | undefined => TagList.find(({ Key }) => Key === name)?.Value
      const id = of(key.id)
      if (DBSnapshotIdentifier === undefined || id === undefined || of(key.cluster) !== cluster) continue
      const reference = `${rds.region}/${DBSnapshotIdentifier}`
      found.push({ id, volume, reference, repository: of(key.repository), state: stateOf(snapshot) })
    }
    Marker = page.Marker === '' ? undefined : page.Marker
  } while (Marker !== undefined && found.length < limits.cloudListMax)
  return found
}

function detailsOf(source: DBInstance, region: string): Readonly<Record<string, string>> {
  const groups = (source.VpcSecurityGroups ?? []).flatMap(({ VpcSecurityGroupId: id }) => id ?? [])
  const all = {
    region,
    instanceClass: source.DBInstanceClass,
    subnetGroup: source.DBSubnetGroup?.DBSubnetGroupName,
    securityGroups: groups.length === 0 ? undefined : groups.join(' '),
    parameterGroup: source.DBParameterGroups?.[0]?.DBParameterGroupName,
  }
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}

function stateOf({
  Status,
  PercentProgress,
  AllocatedStorage,
  SnapshotCreateTime,
}: DBSnapshot): ManagedState {
  return {
    state: Status === 'available' ? 'ready' : Status === 'failed' ? 'failed' : 'pending',
    percent: PercentProgress,
    sizeBytes: AllocatedStorage === undefined ? undefined : AllocatedStorage * GiB,
    createdMs: SnapshotCreateTime?.getTime(),
  }
}

async function restoreInstance(
  rds: Rds,
  { reference, details, name }: ManagedRestore,
  {
    timeLimitMs,
    world,
    tags,
  }: { readonly timeLimitMs: number; readonly world: World; readonly tags: CloudSettings['tags'] },
  signal: AbortSignal,
): Promise<{ readonly address: string }> {
  const { id, region } = placeOf(reference)
  if (await findInstance(rds, name, signal)) throw taken(rds, name)
  const { instanceClass, subnetGroup, securityGroups, parameterGroup } = details
  // Networks and groups are those of the region that the server was in.
  const isHome = details['region'] === region
  try {
    await rds.call(
      { what: `making the instance ${name} of ${id}`, repeat: 'refused' },
      (client, options) =>
        client.send(
          new RestoreDBInstanceFromDBSnapshotCommand({
            DBInstanceIdentifier: name,
            DBSnapshotIdentifier: id,
            PubliclyAccessible: false,
            Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
            ...(instanceClass === undefined ? {} : { DBInstanceClass: instanceClass }),
            ...(isHome && subnetGroup !== undefined ? { DBSubnetGroupName: subnetGroup } : {}),
            ...(isHome && securityGroups !== undefined
              ? { VpcSecurityGroupIds: securityGroups.split(' ') }
              : {}),
            ...(isHome && parameterGroup !== undefined ? { DBParameterGroupName: parameterGroup } : {}),
          }),
          options,
        ),
      signal,
    )
  } catch (error) {
    if (isCode(error, 'DBSnapshotNotFound')) throw missing(rds, id)
    if (isCode(error, 'DBInstanceAlreadyExists')) throw taken(rds, name)
    // Its answer was lost: whether it was begun is seen below.
    if (!isFault(error, 'CLOUD_UNAVAILABLE') || !(await findInstance(rds, name, signal))) throw error
  }
  return untilDone(
    async () => {
      const found = await findInstance(rds, name, signal)
      if (/fail|incompatible/.test(found?.DBInstanceStatus ?? '')) throw notRestored(rds, name, found)
      if (found?.DBInstanceStatus !== 'available' || !found.Endpoint) return undefined
      return { address: `${found.Endpoint.Address ?? ''}:${String(found.Endpoint.Port ?? 5432)}` }
    },
    world,
    { what: `${rds.location}: the instance ${name}`, msMax: timeLimitMs },
    signal,
  )
}

function missing({ location }: Rds, id: string): Fault {
  return new Fault('SNAPSHOT_MISSING', `${location} knows no snapshot ${id}`, {
    hint: 'It was removed outside of Holdfast; `holdfast list` shows others, and holdfast verify what else is missing.',
  })
}

function taken({ location }: Rds, name: string): Fault {
  return new Fault('CLOUD_REFUSED', `${location} has an instance ${name} already, and nothing is replaced`, {
    hint: 'Choose another name with --as-instance; swap names afterwards when the new server is right.',
  })
}

function notRestored({ location }: Rds, name: string, found: DBInstance | undefined): Fault {
  return new Fault(
    'SNAPSHOT_FAILED',
    `${location}: the instance ${name} is in state ${found?.DBInstanceStatus ?? ''}`,
    {
      hint: 'Look at its events in the RDS console; it is left for that.',
    },
  )
}
