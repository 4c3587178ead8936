/**
 * From what the SDK throws to our faults. Decides only.
 *
 * The SDK's errors carry the server's own code as `name`; HEAD has no body, so there the status is all there is.
 */
import { Fault, errnoOf, messageOf, type FaultCode } from '../../../base/fault.ts'
import { isNotTls, tlsTrouble } from '../../../cloud/tls-trouble.ts'

/** What was being done, for the message: `writing <key>`. */
export interface Doing {
  readonly what: string
  readonly location: string
}

interface Meaning {
  readonly code: FaultCode
  readonly hint: string
}

const credentials: Meaning = {
  code: 'STORAGE_CREDENTIALS',
  hint: 'Check the credentials: they were looked for under `credentials` and `profile` of the repository, and else where the AWS tools look (environment, ~/.aws, web identity, container, instance).',
}
const denied: Meaning = {
  code: 'STORAGE_DENIED',
  hint: 'Give the credentials the rights that holdfast policy iam lists, and check the policy of the bucket; where the storage gives no reason, the key itself may be wrong.',
}
const throttled: Meaning = {
  code: 'STORAGE_THROTTLED',
  hint: 'Let it run later, or with fewer workers; and ask who operates the storage for its limits.',
}
const full: Meaning = {
  code: 'STORAGE_FULL',
  hint: 'Raise the quota of the bucket or user, or let holdfast expire remove what is no longer needed.',
}
const damaged: Meaning = {
  code: 'STORAGE_UNAVAILABLE',
  hint: 'Bytes were damaged or lost on the way, and the storage refused them: try again, and check the network.',
}
const unavailable: Meaning = {
  code: 'STORAGE_UNAVAILABLE',
  hint: 'Try again later; check that the endpoint is right and can be reached from here.',
}
const elsewhere: Meaning = {
  code: 'CONFIG_INVALID',
  hint: 'Set `region` (and `endpoint`, if there is one) of the repository to where the bucket is.',
}
const clock: Meaning = {
  code: 'STORAGE_UNAVAILABLE',
  hint: 'Set the clock of this host right: the storage refuses requests that are signed with another time.',
}
const unsupported: Meaning = {
  code: 'STORAGE_UNSUPPORTED',
  hint: 'Take what asks for it out of the configuration of this repository, or use a storage that can do it.',
}
const archived: Meaning = {
  code: 'OBJECT_COLD',
  hint: 'Thaw it first: `holdfast restore --thaw` asks for what a restore needs and waits; see docs/archive.md.',
}
const uploadGone: Meaning = {
  code: 'FAILED',
  hint: 'Run it again; if this repeats, look for what ends uploads before they are done: a lifecycle rule, a proxy.',
}
/** The server does not know a part by what it said of it when it took it. */
const partUnknown: Meaning = {
  code: 'STORAGE_UNAVAILABLE',
  hint: 'Run it again; if this repeats, look for a proxy that changes the headers of answers (ETag), or for a lifecycle rule that ends uploads before they are done.',
}
const bucketMissing: Meaning = {
  code: 'REPOSITORY_MISSING',
  hint: 'Make the bucket, or correct `url` (and `endpoint`, `region`) of the repository.',
}
const objectMissing: Meaning = {
  code: 'OBJECT_MISSING',
  hint: 'Run holdfast verify to see what else is missing; another copy of the repository may still have it.',
}

const table: readonly (readonly [Meaning, readonly string[]])[] = [
  [objectMissing, ['NoSuchKey', 'NoSuchVersion']],
  [bucketMissing, ['NoSuchBucket']],
  [
    credentials,
    [
      ...[
        'InvalidAccessKeyId',
        'SignatureDoesNotMatch',
        'InvalidToken',
        'ExpiredToken',
        'ExpiredTokenException',
      ],
      ...[
        'TokenRefreshRequired',
        'InvalidClientTokenId',
        'UnrecognizedClientException',
        'InvalidIdentityToken',
      ],
      ...['CredentialsProviderError', 'TokenProviderError', 'ProviderError', 'MissingSecurityHeader'],
    ],
  ],
  [
    denied,
    ['AccessDenied', 'AllAccessDisabled', 'AccountProblem', 'UserSuspended', 'InvalidPayer', 'Forbidden'],
  ],
  [
    throttled,
    [
      ...[
        'SlowDown',
        'ServiceUnavailable',
        'Throttling',
        'ThrottlingException',
        'TooManyRequests',
        'RateLimitExceeded',
      ],
      ...['RequestLimitExceeded', 'RequestThrottled', 'RequestThrottledException', 'BandwidthLimitExceeded'],
    ],
  ],
  [full, ['QuotaExceeded', 'InsufficientStorage', 'XMinioStorageFull', 'InsufficientCapacity']],
  [
    damaged,
    [
      ...[
        'BadDigest',
        'InvalidDigest',
        'XAmzContentSHA256Mismatch',
        'XAmzContentChecksumMismatch',
        'IncompleteBody',
      ],
      ...['RequestTimeout', 'ConditionalRequestConflict', 'OperationAborted'],
    ],
  ],
  [uploadGone, ['NoSuchUpload']],
  [partUnknown, ['InvalidPart', 'InvalidPartOrder']],
  [clock, ['RequestTimeTooSkewed', 'RequestExpired']],
  [elsewhere, ['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException']],
  [archived, ['InvalidObjectState']],
  [
    unsupported,
    ['NotImplemented', 'InvalidStorageClass', 'ObjectLockConfigurationNotFoundError', 'MethodNotAllowed'],
  ],
]

const byName = new Map(table.flatMap(([meaning, names]) => names.map(name => [name, meaning] as const)))

/** Errors that are none of the storage's are bugs of ours, and stay what they are. */
export function faultOf(error: unknown, doing: Doing): unknown {
  if (error instanceof Fault || !(error instanceof Error)) return error
  if (error.message === 'Region is missing') return regionMissing(error)
  const meaning = meaningOf(error)
  if (!meaning) return error
  const message = `${doing.location}: ${doing.what}: ${explained(error)}`
  return new Fault(meaning.code, message, { hint: meaning.hint, cause: error })
}

function meaningOf(error: Error): Meaning | undefined {
  return byName.get(error.name) ?? ofConnection(error) ?? ofStatus(statusOf(error))
}

function ofConnection(error: Error): Meaning | undefined {
  const errno = errnoOf(error)
  // Nothing that is sent or received is a file: it is the token of a web identity, or a file of profiles.
  if (errno === 'ENOENT' || errno === 'EACCES') return credentials
  const tls = tlsTrouble(errno, error.message)
  if (tls) return { code: tls.isConfiguration ? 'CONFIG_INVALID' : 'STORAGE_UNAVAILABLE', hint: tls.hint }
  // A body that is cut, and an answer that is no XML, are the connection's fault, too.
  const isBroken =
    error.name === 'TimeoutError' ||
    '$response' in error ||
    /^(E[A-Z_]+|HPE_\w+|ERR_(SSL|STREAM|HTTP|TLS|SOCKET)\w*)$/.test(errno ?? '') ||
    /aborted|socket hang up/.test(error.message)
  return isBroken && statusOf(error) === undefined ? unavailable : undefined
}

function ofStatus(status: number | undefined): Meaning | undefined {
  if (status === undefined) return undefined
  if (status === 404) return objectMissing
  if (status === 401 || status === 403) return denied
  if (status === 429 || status === 503) return throttled
  if (status === 507) return full
  if (status === 301 || status === 307) return elsewhere
  if (status === 501 || status === 405) return unsupported
  // An answer of success that could not be read is the connection's fault.
  if (status >= 500 || status === 408 || status < 300) return unavailable
  return { code: 'FAILED', hint: 'Look at what the storage says; its documentation tells what it means.' }
}

export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined
  const { $metadata } = error
  if (typeof $metadata !== 'object' || $metadata === null || !('httpStatusCode' in $metadata))
    return undefined
  return typeof $metadata.httpStatusCode === 'number' ? $metadata.httpStatusCode : undefined
}

/** Whether the server answered with this status, seen through our fault. */
export function isStatus(error: unknown, status: number): boolean {
  return error instanceof Fault && statusOf(error.cause) === status
}

/** Whether the server gave this code, seen through our fault. */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Fault && error.cause instanceof Error && codes.includes(error.cause.name)
}

export function bucketMissingFault(location: string, cause: unknown): Fault {
  return new Fault(bucketMissing.code, `${location}: there is no such bucket`, {
    hint: bucketMissing.hint,
    cause,
  })
}

export function objectMissingFault(location: string, key: string, cause?: unknown): Fault {
  return new Fault(objectMissing.code, `${location}/${key} is not there`, { hint: objectMissing.hint, cause })
}

function regionMissing(cause: Error): Fault {
  return new Fault('CONFIG_INVALID', 'the region of the bucket is not known', {
    hint: 'Set `region` of the repository, or AWS_REGION, or a region in the profile.',
    cause,
  })
}

/** The server's code and words, on one line. HEAD has no words: then the SDK makes up some, which say nothing. */
function explained(error: Error): string {
  if (isNotTls(error.message)) return 'what answers there does not speak TLS'
  const status = statusOf(error)
  const code = /^(Error|\d+|UnknownError|NotFound|Unknown)$/.test(error.name) ? undefined : error.name
  const words = messageOf(error).replaceAll(/\s+/g, ' ').replaceAll(passwordInUrl, '//***@').slice(0, 300)
  const parts = [
    code,
    status === undefined ? undefined : `HTTP ${String(status)}`,
    words === '' || words === 'UnknownError' || words === code ? undefined : words,
  ]
  return parts.filter(part => part !== undefined).join(', ')
}

/** Addresses of proxies may hold one. */
const passwordInUrl = /\/\/[^/@\s]+@/g
