/**
 * S3: the policy of the bucket itself. It gives nobody anything; it takes away, from whatever rights somebody has, what
 * must not happen to backups. Decides only.
 */
import type { BucketPlace, PolicyNames, PolicyText } from './bucket-place.ts'
import {
  bucketArn,
  iamPolicy,
  ownObjects,
  partitionOf,
  writeOnce,
  type S3Policy,
  type Statement,
} from './iam.ts'
import { rightsOf, roles, type Role } from './roles.ts'

export function s3BucketPolicy(place: BucketPlace, names: PolicyNames): PolicyText {
  const document: S3Policy = {
    Version: '2012-10-17',
    Statement: [
      ...tlsOnly(place),
      ...encrypted(place),
      ...onlyOnce(place),
      onlyTheKeeperDeletes(place, names),
      nobodyUndoes(place),
      ...roles.flatMap(role => grantsOf(place, role, names)),
    ],
  }
  return {
    document,
    apply: [`${aws(place)} put-bucket-policy --bucket ${place.bucket} --policy file:///dev/stdin`],
    notes: notesOf(place, names),
  }
}

/** The vendor's command line, pointed at the right server. */
export function aws({ endpoint, region }: BucketPlace): string {
  const where = [
    ...(endpoint === undefined ? [] : ['--endpoint-url', endpoint]),
    ...(region === undefined ? [] : ['--region', region]),
  ]
  return ['aws', ...where, 's3api'].join(' ')
}

const isPlainHttp = ({ endpoint }: BucketPlace): boolean => endpoint?.startsWith('http:') === true

function tlsOnly(place: BucketPlace): readonly Statement[] {
  if (isPlainHttp(place)) return []
  return [
    {
      Sid: 'HoldfastTlsOnly',
      Effect: 'Deny',
      Principal: '*',
      Action: ['s3:*'],
      Resource: [bucketArn(place), `${bucketArn(place)}/*`],
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    },
  ]
}

function encrypted(place: BucketPlace): readonly Statement[] {
  const wanted = place.serverSideEncryption
  if (!wanted) return []
  const deny = (sid: string, conditions: NonNullable<Statement['Condition']>): Statement => ({
    Sid: sid,
    Effect: 'Deny',
    Principal: '*',
    Action: ['s3:PutObject'],
    Resource: [ownObjects(place)],
    Condition: conditions,
  })
  const header = 's3:x-amz-server-side-encryption'
  switch (wanted.kind) {
    case 'server-key':
      return [deny('HoldfastEncrypted', { StringNotEquals: { [header]: 'AES256' } })]
    case 'customer-key':
      return [deny('HoldfastEncrypted', { Null: { [`${header}-customer-algorithm`]: 'true' } })]
    case 'kms':
      return [
        deny('HoldfastEncrypted', { StringNotEquals: { [header]: 'aws:kms' } }),
        ...(wanted.keyId?.startsWith('arn:') === true
          ? [deny('HoldfastKeyOnly', { StringNotEquals: { [`${header}-aws-kms-key-id`]: wanted.keyId } })]
          : []),
      ]
  }
}

function onlyOnce(place: BucketPlace): readonly Statement[] {
  return place.conditional ? [writeOnce(place, { Principal: '*' })] : []
}

/** Also takes deletion from administrators, until they change this policy: that leaves a trace. */
function onlyTheKeeperDeletes(place: BucketPlace, names: PolicyNames): Statement {
  return {
    Sid: 'HoldfastOnlyTheKeeperDeletes',
    Effect: 'Deny',
    Principal: '*',
    Action: ['s3:DeleteObject'],
    Resource: [ownObjects(place)],
    Condition: { ArnNotLike: { 'aws:PrincipalArn': principalOf(place, 'keeper', names) } },
  }
}

function nobodyUndoes(place: BucketPlace): Statement {
  return {
    Sid: 'HoldfastNobodyUndoes',
    Effect: 'Deny',
    Principal: '*',
    Action: ['s3:DeleteObjectVersion', 's3:BypassGovernanceRetention'],
    Resource: [ownObjects(place)],
  }
}

/** For principals that are named: what the identity policy would give them, said by the bucket, so that it serves across accounts. */
function grantsOf(place: BucketPlace, role: Role, names: PolicyNames): readonly Statement[] {
  const principal = names.principals[role]
  if (principal === undefined) return []
  const { Statement } = iamPolicy(place, role, names).document as S3Policy
  const name = `${role.charAt(0).toUpperCase()}${role.slice(1)}`
  // Rights to keys are given by the key's own policy; that nothing is written twice is said for all.
  const left = ['HoldfastKey', 'HoldfastWriteOnce']
  return Statement.filter(({ Sid }) => !left.includes(Sid)).map(statement => ({
    ...statement,
    Sid: statement.Sid.replace('Holdfast', name),
    Principal: { AWS: principal },
  }))
}

function principalOf(place: BucketPlace, role: Role, { principals, account }: PolicyNames): string {
  return principals[role] ?? `arn:${partitionOf(place)}:iam::${account ?? 'ACCOUNT'}:role/holdfast-${role}`
}

function notesOf(place: BucketPlace, names: PolicyNames): readonly string[] {
  const notes = [
    'This replaces the policy that the bucket has: look at it first (get-bucket-policy), and join the two.',
  ]
  if (isPlainHttp(place))
    notes.push('The endpoint is http://, so "TLS only" is left out: it would lock everybody out.')
  if (names.principals.keeper === undefined)
    notes.push(
      `Only ${principalOf(place, 'keeper', names)} will delete. Say who it is: --principal keeper=ARN.`,
    )
  const granted = roles.filter(role => names.principals[role] !== undefined)
  notes.push(
    granted.length === 0
      ? 'It gives nobody rights: those come from `holdfast policy iam`, or name principals here (--principal writer=ARN …).'
      : `It gives ${granted.join(', ')} their rights: ${granted.map(role => rightsOf[role].doc).join(' ')}`,
  )
  if (place.lock !== undefined)
    notes.push(
      'Nobody lifts a governance lock or deletes a version, administrators included, until this policy is changed.',
    )
  return notes
}
