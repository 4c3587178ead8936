/** Answers of Azure Blob Storage that are not what was asked for, as faults. Decides only. */
import { isRestError } from '@azure/storage-blob'
import { Fault, messageOf, type FaultCode } from '../../../base/fault.ts'

interface Explanation {
  readonly code: FaultCode
  readonly hint: string
}

const credentials: Explanation = {
  code: 'STORAGE_CREDENTIALS',
  hint: 'Check the account key or SAS (it may have expired, or the clock of this host may be wrong), or log in anew with `az login`.',
}
const denied: Explanation = {
  code: 'STORAGE_DENIED',
  hint: 'Give the identity the rights it needs (holdfast policy azure prints the least of them), and look at the firewall of the storage account.',
}
const throttled: Explanation = {
  code: 'STORAGE_THROTTLED',
  hint: 'Try again later, with fewer workers; the limits of the storage account are in its documentation.',
}
const broken: Explanation = {
  code: 'STORAGE_UNAVAILABLE',
  hint: "Try again later; the cloud's status page shows whether others have the same trouble.",
}
const damaged: Explanation = {
  code: 'STORAGE_UNAVAILABLE',
  hint: 'Bytes were damaged or lost on their way, and the storage refused them: try again, and check the network.',
}
const locked: Explanation = {
  code: 'OBJECT_LOCKED',
  hint: 'Wait until the immutability policy ends, or have the legal hold cleared; `az storage blob show` shows both.',
}
const unsupported: Explanation = {
  code: 'STORAGE_UNSUPPORTED',
  hint: 'Compare what the storage says with the keys of this repository in the configuration; see docs/object-storage.md.',
}
const archived: Explanation = {
  code: 'OBJECT_COLD',
  hint: 'Thaw it first: `holdfast restore --thaw` asks for what a restore needs and waits; see docs/archive.md.',
}
const noContainer: Explanation = {
  code: 'REPOSITORY_MISSING',
  hint: 'Check the name; make a container with `az storage container create --name NAME --account-name ACCOUNT`. Holdfast makes none by itself.',
}
const missing: Explanation = { code: 'OBJECT_MISSING', hint: 'Look at what else is missing.' }

const byCode: Readonly<Record<string, Explanation>> = {
  BlobNotFound: missing,
  ResourceNotFound: missing,
  ContainerNotFound: noContainer,
  ContainerBeingDeleted: noContainer,
  AuthenticationFailed: credentials,
  InvalidAuthenticationInfo: credentials,
  NoAuthenticationInformation: credentials,
  AuthorizationFailure: denied,
  AuthorizationPermissionMismatch: denied,
  AuthorizationProtocolMismatch: denied,
  InsufficientAccountPermissions: denied,
  AccountIsDisabled: denied,
  ServerBusy: throttled,
  OperationTimedOut: broken,
  InternalError: broken,
  Md5Mismatch: damaged,
  Crc64Mismatch: damaged,
  IncompleteBody: damaged,
  InvalidBlockList: damaged,
  BlobImmutableDueToPolicy: locked,
  BlobImmutableDueToLegalHold: locked,
  BlobArchived: archived,
  BlobBeingRehydrated: archived,
}

const byStatus: Readonly<Record<number, Explanation>> = {
  401: credentials,
  403: denied,
  408: broken,
  429: throttled,
  501: unsupported,
  503: throttled,
}

/** Undefined: the server has not answered at all. */
export function faultOf(error: unknown, location: string, what: string): Fault | undefined {
  if (isAboutIdentity(error)) return faultWith(credentials, error, location, what, '')
  const status = statusOf(error)
  if (status === undefined || isFromConnection(error)) return undefined
  const explanation =
    (isAboutSignature(error) ? credentials : byCode[codeOf(error) ?? '']) ??
    byStatus[status] ??
    (status >= 500 ? broken : unsupported)
  const said = [codeOf(error), `HTTP ${String(status)}`].filter(word => word !== undefined).join(', ')
  return faultWith(explanation, error, location, what, ` (${said})`)
}

/** The storage's own name for what is wrong; answers to HEAD carry it in a header only. */
export function codeOf(error: unknown): string | undefined {
  const cause = error instanceof Fault ? error.cause : error
  if (!isRestError(cause)) return undefined
  return cause.response?.headers.get('x-ms-error-code') ?? cause.code
}

export function statusOf(error: unknown): number | undefined {
  const cause = error instanceof Fault ? error.cause : error
  return isRestError(cause) ? cause.statusCode : undefined
}

/** A SAS that has ended: Azure has a code of its own for that, azurite the one for a right that is lacking. */
const isAboutSignature = (error: unknown): boolean =>
  /failed to authenticate the request/i.test(messageOf(error))

/** Broken while an answer came: there is a status, but it is not the trouble. */
function isFromConnection(error: unknown): boolean {
  return isRestError(error) && error.statusCode !== undefined && error.statusCode < 300
}

/** Of the package for identities, which throws errors of its own. */
function isAboutIdentity(error: unknown): boolean {
  return (
    error instanceof Error &&
    /^(CredentialUnavailableError|AuthenticationError|AggregateAuthenticationError|AuthenticationRequiredError)$/.test(
      error.name,
    )
  )
}

/** One line of what was said; the URL that may be in it carries a SAS. */
function faultWith(
  { code, hint }: Explanation,
  error: unknown,
  location: string,
  what: string,
  said: string,
): Fault {
  const words = lineOf(messageOf(error)).replace(/\?\S*/g, '').slice(0, 400)
  return new Fault(code, `${location}: ${what} failed: ${words}${said}`, { hint, cause: error })
}

/** Where nobody gave a token, the first line says only that; each of the others says who could not, and why. */
function lineOf(text: string): string {
  const [first = '', ...others] = text.split('\n')
  if (!first.startsWith('ChainedTokenCredential')) return first
  const whys = others
    .filter(line => !/Visual Studio Code|PowerShell|Developer CLI|Broker/.test(line))
    .map(line => line.replace(/^\w+Error: /, '').replace(/ (To troubleshoot|Please) .*$/, ''))
  return ['nobody gives a token', ...whys].join('; ')
}

export function missingObject(location: string, key: string): Fault {
  return new Fault('OBJECT_MISSING', `${key} is not in ${location}`, { hint: missing.hint })
}
