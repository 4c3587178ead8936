/**
 * Rights to snapshots of volumes and managed servers: least privilege, by the tags and names that Holdfast gives them. Decides
 * only. Who writes backups deletes no snapshot; what a failed run left is removed by the keeper.
 */
import type { PolicyText } from './bucket-place.ts'
import type { Statement } from './iam.ts'
import type { Role } from './roles.ts'

export interface SnapshotPlace {
  readonly provider: string
  /** Of a managed server. */
  readonly instance: string | undefined
  readonly cluster: string
  readonly account: string | undefined
  readonly copies: boolean
}

export interface SnapshotRights {
  readonly statements: readonly Statement[]
  readonly notes: readonly string[]
}

export function awsSnapshotStatements(place: SnapshotPlace, role: Role): SnapshotRights {
  const statements =
    place.provider === 'aws-ebs' ? ebs(place, role) : place.provider === 'aws-rds' ? rds(place, role) : []
  const notes =
    statements.length > 0 && role === 'writer'
      ? ['The writer deletes no snapshot: what a failed run left is named, and removed by the keeper.']
      : []
  return { statements, notes }
}

const ec2 = (kind: string): string => `arn:aws:ec2:*:*:${kind}/*`
/** Snapshots have no account in their names. */
const snapshots = 'arn:aws:ec2:*::snapshot/*'

function ebs({ cluster, copies }: SnapshotPlace, role: Role): readonly Statement[] {
  const asked = { StringEquals: { 'aws:RequestTag/holdfast:cluster': cluster } }
  const ours = { StringEquals: { 'aws:ResourceTag/holdfast:cluster': cluster } }
  const look = allow('HoldfastSeeVolumes', [
    'ec2:DescribeVolumes',
    'ec2:DescribeInstances',
    'ec2:DescribeSnapshots',
    'ec2:DescribeLockedSnapshots',
  ])
  const making = (actions: readonly string[]): Statement =>
    allow('HoldfastTagNew', ['ec2:CreateTags'], [snapshots, ec2('volume')], {
      StringEquals: { 'ec2:CreateAction': actions },
    })
  const byRole: Readonly<Record<Role, readonly Statement[]>> = {
    writer: [
      look,
      allow('HoldfastSnapshot', ['ec2:CreateSnapshots'], [snapshots], asked),
      allow('HoldfastSnapshotOf', ['ec2:CreateSnapshots'], [ec2('instance'), ec2('volume')]),
      ...(copies ? [allow('HoldfastCopy', ['ec2:CopySnapshot'], [snapshots], asked)] : []),
      making(['CreateSnapshots', ...(copies ? ['CopySnapshot'] : [])]),
      allow('HoldfastName', ['ec2:CreateTags'], [snapshots], ours),
      allow('HoldfastLockSnapshot', ['ec2:LockSnapshot'], [snapshots], ours),
    ],
    restorer: [
      look,
      allow('HoldfastNewVolume', ['ec2:CreateVolume'], [ec2('volume')], asked),
      allow('HoldfastNewVolumeOf', ['ec2:CreateVolume'], [snapshots], ours),
      making(['CreateVolume']),
      allow(
        'HoldfastAttach',
        ['ec2:AttachVolume', 'ec2:DetachVolume', 'ec2:DeleteVolume'],
        [ec2('volume')],
        ours,
      ),
      allow('HoldfastAttachTo', ['ec2:AttachVolume', 'ec2:DetachVolume'], [ec2('instance')]),
    ],
    keeper: [
      look,
      allow('HoldfastExpireSnapshot', ['ec2:DeleteSnapshot', 'ec2:LockSnapshot'], [snapshots], ours),
    ],
    auditor: [look],
    // Snapshots are not archived: it only sees that they are there.
    archivist: [look],
  }
  return byRole[role]
}

function rds({ instance, account, copies }: SnapshotPlace, role: Role): readonly Statement[] {
  const of = (kind: string, name: string): string => `arn:aws:rds:*:${account ?? '*'}:${kind}:${name}`
  const own = of('snapshot', 'holdfast-*')
  const look = allow('HoldfastSeeServer', ['rds:DescribeDBInstances', 'rds:DescribeDBSnapshots'])
  const byRole: Readonly<Record<Role, readonly Statement[]>> = {
    writer: [
      look,
      allow('HoldfastSnapshot', ['rds:CreateDBSnapshot'], [of('db', instance ?? '*'), own]),
      ...(copies ? [allow('HoldfastCopy', ['rds:CopyDBSnapshot'], [own])] : []),
      allow('HoldfastTagNew', ['rds:AddTagsToResource'], [own]),
    ],
    restorer: [
      look,
      allow(
        'HoldfastNewServer',
        ['rds:RestoreDBInstanceFromDBSnapshot', 'rds:AddTagsToResource'],
        [own, of('db', '*'), of('subgrp', '*'), of('pg', '*'), of('og', '*')],
      ),
    ],
    keeper: [look, allow('HoldfastExpireSnapshot', ['rds:DeleteDBSnapshot'], [own])],
    auditor: [look],
    // Snapshots are not archived: it only sees that they are there.
    archivist: [look],
  }
  return byRole[role]
}

function allow(
  sid: string,
  actions: readonly string[],
  resources: readonly string[] = ['*'],
  condition?: Statement['Condition'],
): Statement {
  return {
    Sid: sid,
    Effect: 'Allow',
    Action: actions,
    Resource: resources,
    ...(condition === undefined ? {} : { Condition: condition }),
  }
}

const computeRights: Readonly<Record<Role, readonly string[]>> = {
  writer: [
    'compute.disks.get disks.createSnapshot instances.get snapshots.create snapshots.get snapshots.list snapshots.setLabels',
    'compute.zoneOperations.get globalOperations.get',
  ],
  restorer: [
    'compute.snapshots.get snapshots.list snapshots.useReadOnly disks.create disks.get disks.list disks.use disks.delete disks.setLabels',
    'compute.instances.get instances.attachDisk instances.detachDisk zoneOperations.get',
  ],
  keeper: ['compute.snapshots.get snapshots.list snapshots.delete globalOperations.get'],
  auditor: ['compute.snapshots.get snapshots.list'],
  archivist: ['compute.snapshots.get snapshots.list'],
}
const sqlRights: Readonly<Record<Role, readonly string[]>> = {
  writer: ['cloudsql.instances.get backupRuns.create backupRuns.get backupRuns.list'],
  restorer: [
    'cloudsql.instances.get instances.create instances.restoreBackup backupRuns.get backupRuns.list',
  ],
  keeper: ['cloudsql.backupRuns.get backupRuns.list backupRuns.delete instances.get'],
  auditor: ['cloudsql.instances.get backupRuns.get backupRuns.list'],
  archivist: ['cloudsql.instances.get backupRuns.get backupRuns.list'],
}

/** A custom role in the project: Google's conditions do not know the labels of snapshots. */
export function gcsSnapshotRole(provider: string, role: Role, project: string | undefined): PolicyText {
  const rights = provider === 'gce-pd' ? computeRights : provider === 'gcp-cloudsql' ? sqlRights : undefined
  const id = `holdfast_snapshots_${role}`
  return {
    document: {
      title: `Holdfast snapshots: ${role}`,
      description: `Snapshots by ${provider === '' ? 'no provider' : provider}`,
      stage: 'GA',
      includedPermissions: rights ? rights[role].flatMap(expanded) : [],
    },
    apply: [`gcloud iam roles create ${id} --project=${project ?? 'PROJECT'} --file=/dev/stdin`],
    notes: rights
      ? ['The rights reach all snapshots of the project: Google can not tell them apart by their labels.']
      : ['`snapshots.provider` of the configuration is none of Google’s, so there is nothing to give.'],
  }
}

/** The first has the service before it, for all that follow on its line. */
function expanded(line: string): readonly string[] {
  const [first = '', ...others] = line.split(' ')
  const service = first.slice(0, first.indexOf('.'))
  return [first, ...others.map(one => `${service}.${one}`)]
}
