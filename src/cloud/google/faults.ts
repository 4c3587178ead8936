/** Answers of Google's APIs for volumes and managed servers that are not what was asked for, as faults. Decides only. */
import { Fault, type FaultCode } from '../../base/fault.ts'

interface Meaning {
  readonly code: FaultCode
  readonly hint: string
}

const credentials: Meaning = {
  code: 'CLOUD_CREDENTIALS',
  hint: 'Log in anew (`gcloud auth application-default login`), or give a key file by GOOGLE_APPLICATION_CREDENTIALS or credentials.key.',
}
const denied: Meaning = {
  code: 'CLOUD_DENIED',
  hint: 'Give the account the role that `holdfast policy gcs --part snapshots` prints.',
}
const disabled: Meaning = {
  code: 'CLOUD_DENIED',
  hint: 'Switch the API on for the project: gcloud services enable compute.googleapis.com sqladmin.googleapis.com.',
}
const throttled: Meaning = {
  code: 'CLOUD_THROTTLED',
  hint: 'Let it run later: the project makes more requests, or more snapshots of one disk, than Google allows at a time.',
}
const quota: Meaning = {
  code: 'CLOUD_QUOTA',
  hint: "Have the project's quota raised, or remove what is no longer needed.",
}
const unavailable: Meaning = {
  code: 'CLOUD_UNAVAILABLE',
  hint: "Try again later; the cloud's status page shows whether others have the same trouble.",
}
const other: Meaning = {
  code: 'CLOUD_REFUSED',
  hint: 'Compare what Google says with the section `snapshots` of the configuration; see docs/snapshots.md.',
}

export function googleFault(
  refusal: Error & { readonly status: number },
  location: string,
  what: string,
): Fault {
  const { status, message } = refusal
  const { words, reasons } = read(message)
  const { code, hint } = meaningOf(status, reasons, words)
  return new Fault(code, `${location}: ${what} failed: ${words} (HTTP ${String(status)})`, {
    hint,
    cause: refusal,
  })
}

/** Of an operation that was begun and did not go well: its code stands in the place of the reason. */
export function operationFault(
  { code: reason, message }: { readonly code: string; readonly message: string },
  location: string,
  what: string,
): Fault {
  const { code, hint } = meaningOf(0, reason, message)
  return new Fault(
    code === 'CLOUD_REFUSED' ? 'SNAPSHOT_FAILED' : code,
    `${location}: ${what} failed: ${message} (${reason})`,
    { hint },
  )
}

function meaningOf(status: number, reasons: string, words: string): Meaning {
  if (/rateLimitExceeded|userRateLimitExceeded|RATE_LIMIT|operationInProgress/i.test(reasons))
    return throttled
  if (/quotaExceeded|QUOTA|ZONE_RESOURCE_POOL_EXHAUSTED|LIMIT_EXCEEDED|stockout/i.test(reasons)) return quota
  if (/accessNotConfigured|SERVICE_DISABLED/i.test(`${reasons} ${words}`)) return disabled
  if (/PERMISSION|FORBIDDEN/i.test(reasons)) return denied
  if (status === 401) return credentials
  if (status === 403) return denied
  if (status === 429) return throttled
  if (status >= 500 || status === 408) return unavailable
  return other
}

/** What it says, on one line, and every reason it names. */
function read(text: string): { readonly words: string; readonly reasons: string } {
  const error = errorOf(text)
  const words = typeof error?.['message'] === 'string' ? error['message'] : text
  const listed = Array.isArray(error?.['errors']) ? (error['errors'] as readonly unknown[]) : []
  const reasons = listed.flatMap(one =>
    typeof one === 'object' && one !== null && 'reason' in one ? [String(one.reason)] : [],
  )
  const state = typeof error?.['status'] === 'string' ? [error['status']] : []
  return {
    words: words.trim().split('\n', 1)[0]?.slice(0, 300) ?? '',
    reasons: [...reasons, ...state.filter(one => one !== 'RESOURCE_EXHAUSTED')].join(' '),
  }
}

function errorOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('error' in value)) return undefined
    const { error } = value
    return typeof error === 'object' && error !== null
      ? (error as Readonly<Record<string, unknown>>)
      : undefined
  } catch {
    return undefined
  }
}
