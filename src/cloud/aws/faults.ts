/** From what Amazon's SDK throws, for APIs other than storage, to our faults. Decides only. */
import { Fault, messageOf, type FaultCode } from '../../base/fault.ts'

interface Meaning {
  readonly code: FaultCode
  readonly hint: string
}

const credentials: Meaning = {
  code: 'CLOUD_CREDENTIALS',
  hint: 'Check the credentials: they were looked for under `credentials` and `profile` of `snapshots`, and else where the AWS tools look (environment, ~/.aws, web identity, container, instance).',
}
const denied: Meaning = {
  code: 'CLOUD_DENIED',
  hint: 'Give the credentials the rights that holdfast policy iam prints for a configuration with snapshots.',
}
const throttled: Meaning = {
  code: 'CLOUD_THROTTLED',
  hint: 'Let it run later: the account makes more requests, or more snapshots of one volume, than AWS allows at a time.',
}
const quota: Meaning = {
  code: 'CLOUD_QUOTA',
  hint: 'Have the quota raised in the Service Quotas console of that region, or remove what is no longer needed.',
}
const unavailable: Meaning = {
  code: 'CLOUD_UNAVAILABLE',
  hint: "Try again later; the vendor's status page shows whether others have the same trouble.",
}
const clock: Meaning = {
  code: 'CLOUD_REFUSED',
  hint: 'Set the clock of this host right: requests that are signed with another time are refused.',
}
const region: Meaning = {
  code: 'CONFIG_INVALID',
  hint: 'Set `region` under `snapshots`, or AWS_REGION in the environment.',
}
const locked: Meaning = {
  code: 'OBJECT_LOCKED',
  hint: 'Wait until its lock ends; `aws ec2 describe-locked-snapshots` shows when.',
}
const other: Meaning = {
  code: 'CLOUD_REFUSED',
  hint: 'Compare what AWS says with the section `snapshots` of the configuration; see docs/snapshots.md.',
}

const table: readonly (readonly [Meaning, string])[] = [
  [
    credentials,
    'AuthFailure InvalidClientTokenId SignatureDoesNotMatch ExpiredToken ExpiredTokenException InvalidToken ' +
      'TokenRefreshRequired UnrecognizedClientException MissingAuthenticationToken CredentialsProviderError TokenProviderError ' +
      'ProviderError InvalidAccessKeyId OptInRequired InvalidIdentityToken',
  ],
  [
    denied,
    'UnauthorizedOperation AccessDenied AccessDeniedException UnauthorizedAccess KMSAccessDenied KMSKeyNotAccessibleFault ' +
      'KMSKeyNotAccessible InvalidKMSKey.NotAuthorized',
  ],
  [
    throttled,
    'RequestLimitExceeded Throttling ThrottlingException ThrottledException TooManyRequestsException RequestThrottled ' +
      'RequestThrottledException EC2ThrottledException SnapshotCreationPerVolumeRateExceeded ConcurrentTagAccess ' +
      'ConcurrentCreateImageLimitExceeded',
  ],
  [
    quota,
    'SnapshotLimitExceeded ConcurrentSnapshotLimitExceeded PendingSnapshotLimitExceeded ConcurrentSnapshotCopyLimitExceeded ' +
      'VolumeLimitExceeded ResourceLimitExceeded MaxIOPSLimitExceeded InsufficientVolumeCapacity AttachmentLimitExceeded ' +
      'SnapshotQuotaExceeded SnapshotQuotaExceededFault DBClusterSnapshotQuotaExceeded InstanceQuotaExceeded ' +
      'InstanceQuotaExceededFault StorageQuotaExceeded StorageQuotaExceededFault InsufficientDBInstanceCapacity ' +
      'InsufficientDBInstanceCapacityFault DBClusterQuotaExceededFault TagLimitExceeded',
  ],
  [
    unavailable,
    'InternalError InternalFailure InternalServerError ServiceUnavailable Unavailable ServerInternal RequestTimeout ' +
      'RequestTimeoutException TimeoutError',
  ],
  [clock, 'RequestExpired RequestTimeTooSkewed RequestInTheFuture'],
  [locked, 'SnapshotLocked InvalidSnapshot.Locked'],
]
const byName = new Map(
  table.flatMap(([meaning, names]) => names.split(' ').map(name => [name, meaning] as const)),
)

/** Undefined: no answer came at all, so that the network is to blame. */
export function awsFault(error: unknown, location: string, what: string): Fault | undefined {
  if (!(error instanceof Error)) return undefined
  const name = nameOf(error)
  const meaning =
    byName.get(name) ??
    (/region is missing/i.test(error.message) ? region : undefined) ??
    (/^(DeleteSnapshot|removing)/.test(what) && /locked/i.test(`${name} ${error.message}`)
      ? locked
      : undefined) ??
    byStatus(error)
  if (!meaning) return undefined
  return new Fault(meaning.code, `${location}: ${what} failed: ${wordsOf(error, name)}`, {
    hint: meaning.hint,
    cause: error,
  })
}

/** The code of the API that a fault was made from: `InvalidSnapshot.NotFound`. */
export function awsCodeOf(error: unknown): string | undefined {
  return error instanceof Fault && error.cause instanceof Error ? nameOf(error.cause) : undefined
}

/** Some exceptions have a class of their own, whose name ends in `Fault` or `Exception`; the code on the wire is what counts. */
function nameOf(error: Error): string {
  const code = 'Code' in error && typeof error.Code === 'string' ? error.Code : undefined
  return code ?? error.name
}

function byStatus(error: Error): Meaning | undefined {
  if (!('$metadata' in error)) return undefined
  const { httpStatusCode } = error.$metadata as { readonly httpStatusCode?: number }
  if (httpStatusCode === undefined) return undefined
  return httpStatusCode >= 500 ? unavailable : other
}

/** The first line, with the code before it unless it says the same. */
function wordsOf(error: Error, name: string): string {
  const words = messageOf(error).trim().split('\n', 1)[0]?.slice(0, 300) ?? ''
  return words === '' || words === 'UnknownError' ? name : `${words} (${name})`
}
