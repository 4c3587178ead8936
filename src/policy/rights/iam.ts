/**
 * AWS: the identity policy of a role, least privilege, for the repository's own part of the bucket. Compatible servers
 * that know identity policies take the same. Decides only.
 */
import { patternsOf, type BucketPlace, type PolicyNames, type PolicyText } from './bucket-place.ts'
import { rightsOf, unreadOf, type Place, type Role, type RoleRights } from './roles.ts'

export interface Statement {
  readonly Sid: string
  readonly Effect: 'Allow' | 'Deny'
  readonly Principal?: '*' | Readonly<Record<string, string>>
  readonly Action: readonly string[]
  readonly Resource: readonly string[]
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>
}

export interface S3Policy {
  readonly Version: '2012-10-17'
  readonly Statement: readonly Statement[]
}

export function iamPolicy(place: BucketPlace, role: Role, names: PolicyNames): PolicyText {
  const rights = rightsOf[role]
  const document: S3Policy = {
    Version: '2012-10-17',
    Statement: [
      ...looking(place, rights),
      ...reading(place, rights),
      ...writing(place, rights),
      ...deleting(place, rights),
      ...encrypting(place, rights, names),
      ...unread(place, role),
      ...lockingTooLong(place, role),
      never(place, rights),
    ],
  }
  const name = `holdfast-${role}`
  return {
    document,
    apply: [`aws iam create-policy --policy-name ${name} --policy-document file:///dev/stdin`],
    notes: notesOf(place, role, name),
  }
}

/** Of China and of the American government there are separate ones. */
export function partitionOf({ region }: BucketPlace): string {
  if (region?.startsWith('cn-') === true) return 'aws-cn'
  return region?.startsWith('us-gov-') === true ? 'aws-us-gov' : 'aws'
}

export const bucketArn = (place: BucketPlace): string => `arn:${partitionOf(place)}:s3:::${place.bucket}`

/** Everything in the repository, of whatever cluster. */
export const ownObjects = (place: BucketPlace): string => `${bucketArn(place)}/${place.root}*`

export function objectArns(place: BucketPlace, kinds: readonly Place[]): readonly string[] {
  return patternsOf(place, kinds).map(pattern => `${bucketArn(place)}/${pattern}`)
}

/**
 * `IfExists`, since the same right decides whether a missing object is answered with 404 or with 403, and that question
 * has no prefix: without it, nobody could tell "does not exist" from "may not be read".
 */
function looking(place: BucketPlace, { readsOlderVersions }: RoleRights): readonly Statement[] {
  return [
    {
      Sid: 'HoldfastList',
      Effect: 'Allow',
      Action: readsOlderVersions ? ['s3:ListBucket', 's3:ListBucketVersions'] : ['s3:ListBucket'],
      Resource: [bucketArn(place)],
      Condition: {
        StringLikeIfExists: { 's3:prefix': [`${place.clusterRoot}*`, `${place.root}holdfast.json`] },
      },
    },
    {
      Sid: 'HoldfastLookAtBucket',
      Effect: 'Allow',
      Action: [
        's3:GetBucketLocation',
        's3:GetBucketVersioning',
        's3:GetBucketObjectLockConfiguration',
        's3:GetLifecycleConfiguration',
        's3:ListBucketMultipartUploads',
        // Ceph takes no policy that names an action it does not know.
        ...(place.endpoint === undefined ? ['s3:GetEncryptionConfiguration'] : []),
      ],
      Resource: [bucketArn(place)],
    },
  ]
}

function reading(place: BucketPlace, { read, readsOlderVersions }: RoleRights): readonly Statement[] {
  const actions = ['s3:GetObject']
  if (readsOlderVersions) actions.push('s3:GetObjectVersion')
  // Who restores from the archive thaws it first. Other servers take no policy that names an action they do not know.
  if (readsOlderVersions && place.endpoint === undefined) actions.push('s3:RestoreObject')
  return [allow('HoldfastRead', actions, objectArns(place, read))]
}

function writing(place: BucketPlace, { write, locks }: RoleRights): readonly Statement[] {
  const statements: Statement[] = []
  if (write.length > 0) {
    const actions = ['s3:PutObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts']
    if (place.tags) actions.push('s3:PutObjectTagging')
    const objects = objectArns(place, write)
    statements.push(allow('HoldfastWrite', actions, objects))
    if (place.conditional) statements.push(writeOnce(place))
  }
  if (locks && place.lock !== undefined) {
    // Until when an object is locked is no secret, and is looked at for packs, too.
    const actions = ['s3:PutObjectRetention', 's3:GetObjectRetention', 's3:GetObjectLegalHold']
    statements.push(allow('HoldfastLock', actions, objectArns(place, ['identity', 'everything'])))
  }
  return statements
}

/** A put that does not say "only if there is none" is refused: so these keys can not overwrite, whoever holds them. */
export function writeOnce(place: BucketPlace, who: Pick<Statement, 'Principal'> = {}): Statement {
  return {
    Sid: 'HoldfastWriteOnce',
    Effect: 'Deny',
    ...who,
    Action: ['s3:PutObject'],
    Resource: [ownObjects(place)],
    Condition: {
      Null: { 's3:if-none-match': 'true' },
      // Parts of an upload make no object, and have no such header.
      Bool: { 's3:ObjectCreationOperation': 'true' },
    },
  }
}

function deleting(place: BucketPlace, { delete: kinds }: RoleRights): readonly Statement[] {
  if (kinds.length === 0) return []
  const actions = ['s3:DeleteObject', 's3:AbortMultipartUpload']
  // To delete many at once Ceph wants the right to the bucket, too, before it looks at that to each object.
  const bucket = place.endpoint === undefined ? [] : [bucketArn(place)]
  return [allow('HoldfastDelete', actions, [...bucket, ...objectArns(place, kinds)])]
}

function unread(place: BucketPlace, role: Role): readonly Statement[] {
  const kinds = unreadOf(role)
  if (kinds.length === 0) return []
  const actions = ['s3:GetObject', 's3:GetObjectVersion']
  return [{ Sid: 'HoldfastUnread', Effect: 'Deny', Action: actions, Resource: objectArns(place, kinds) }]
}

/** A lock can not be shortened: what these keys lock for a century stays for a century. Other servers do not know the condition. */
function lockingTooLong(place: BucketPlace, role: Role): readonly Statement[] {
  if (role !== 'writer' || place.endpoint !== undefined || place.lockDaysMax === undefined) return []
  return [
    {
      Sid: 'HoldfastLockAtMost',
      Effect: 'Deny',
      Action: ['s3:PutObjectRetention', 's3:PutObject'],
      Resource: [ownObjects(place)],
      Condition: {
        NumericGreaterThan: { 's3:object-lock-remaining-retention-days': String(place.lockDaysMax) },
      },
    },
  ]
}

/** Also for who is given other policies besides, or owns what it wrote: what is refused here stays refused. */
function never(place: BucketPlace, { delete: kinds }: RoleRights): Statement {
  const actions = [
    's3:DeleteObjectVersion',
    's3:BypassGovernanceRetention',
    's3:PutObjectAcl',
    's3:PutObjectVersionAcl',
  ]
  return {
    Sid: 'HoldfastNever',
    Effect: 'Deny',
    Action: kinds.length === 0 ? ['s3:DeleteObject', ...actions] : actions,
    Resource: [ownObjects(place)],
  }
}

/** Finishing an upload in parts decrypts them, so who writes decrypts, too; what may be read is decided above. */
function encrypting(place: BucketPlace, { write }: RoleRights, names: PolicyNames): readonly Statement[] {
  const { serverSideEncryption } = place
  if (serverSideEncryption?.kind !== 'kms' || serverSideEncryption.keyId === undefined) return []
  const keyId = serverSideEncryption.keyId
  const isAlias = /(?:^|:)alias\//.test(keyId)
  const region = place.region ?? '*'
  // In China names of services end in `.cn` at times.
  const ending = partitionOf(place) === 'aws-cn' ? '*' : ''
  const via = { 'kms:ViaService': `s3.${region}.amazonaws.com${ending}` }
  const alias = { 'kms:ResourceAliases': keyId.replace(/^arn:.*:(?=alias\/)/, '') }
  return [
    {
      Sid: 'HoldfastKey',
      Effect: 'Allow',
      Action: write.length > 0 ? ['kms:Decrypt', 'kms:GenerateDataKey'] : ['kms:Decrypt'],
      Resource: [keyId.startsWith('arn:') && !isAlias ? keyId : keyArn(place, isAlias ? '*' : keyId, names)],
      Condition: {
        StringLike: via,
        ...(isAlias ? { 'ForAnyValue:StringEquals': alias } : {}),
      },
    },
  ]
}

function keyArn(place: BucketPlace, id: string, { account }: PolicyNames): string {
  return `arn:${partitionOf(place)}:kms:${place.region ?? '*'}:${account ?? '*'}:key/${id}`
}

function notesOf(place: BucketPlace, role: Role, name: string): readonly string[] {
  const notes = [
    `Attach it afterwards: aws iam attach-role-policy --role-name ROLE --policy-arn arn:${partitionOf(place)}:iam::ACCOUNT:policy/${name} (or attach-user-policy; on Ceph: aws iam put-user-policy --user-name USER --policy-name ${name} --policy-document file:///dev/stdin).`,
  ]
  if (rightsOf[role].write.length > 0 && place.conditional)
    notes.push(
      'Overwriting is denied by a condition (s3:if-none-match) that Amazon S3 knows. Servers that do not know it, such as Ceph, let these keys overwrite: there, turn versions on, and what was written over stays as an older version.',
    )
  if (role === 'writer' && !place.sealed)
    notes.push(
      'Nothing is encrypted by Holdfast here, and a second push of a segment is compared with the stored one: these keys can read WAL in the clear. With encryption they read only what they can not open.',
    )
  if (role === 'writer' && place.lock !== undefined) notes.push(lockNote(place))
  if (place.serverSideEncryption?.kind === 'kms' && place.serverSideEncryption.keyId === undefined)
    notes.push('The default key of the key service needs no rights of its own within the account.')
  if (place.requesterPays)
    notes.push('Requester pays: requests are paid by the account whose keys these are.')
  notes.push('Listing without a prefix shows all names in the bucket: give backups a bucket of their own.')
  return notes
}

function lockNote({ endpoint, lockDaysMax }: BucketPlace): string {
  const keeper = 'what is held for longer is locked where a keeper runs `holdfast lock`'
  if (endpoint !== undefined)
    return 'How long these keys may lock is capped on Amazon S3 only: elsewhere a thief can lock rubbish for years, which costs space and destroys nothing.'
  if (lockDaysMax === undefined)
    return 'How long these keys may lock has no cap, since `last` says no time: keep by days, weeks or months, or give lock.keep a duration, and there is one.'
  return `Locks of more than ${String(lockDaysMax)} days, twice what the rules ask for and a month, are denied; ${keeper}.`
}

function allow(sid: string, actions: readonly string[], resources: readonly string[]): Statement {
  return { Sid: sid, Effect: 'Allow', Action: actions, Resource: resources }
}
