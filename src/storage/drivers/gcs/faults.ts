/** Answers of Google Cloud Storage that are not what was asked for, as faults. */
import * as z from 'zod/mini'
import { Fault, type FaultCode } from '../../../base/fault.ts'

export interface ErrorReply {
  readonly status: number
  readonly text: string
}

interface Explanation {
  readonly code: FaultCode
  readonly hint: string
}

export function refused(location: string, what: string, reply: ErrorReply): Fault {
  if (saysNoSuchBucket(reply)) return missingBucket(location)
  const { code, hint } = explain(reply)
  return new Fault(code, `${location}: ${what} failed: ${wordsOf(reply)} (HTTP ${String(reply.status)})`, {
    hint,
  })
}

/** The storage itself says that there is no such object, and not that something before it was not found. */
export function saysNoSuchObject({ status, text }: ErrorReply): boolean {
  return status === 404 && /^no such object: /i.test(wordsOf({ status, text }))
}

/** In exactly these words (the second are those of Google's testbench): names of objects may have any of them in it. */
export function saysNoSuchBucket({ status, text }: ErrorReply): boolean {
  const words = /^(?:the specified bucket does not exist|bucket \S+ does not exist\.$)/i
  return status === 404 && words.test(wordsOf({ status, text }))
}

export function missingObject(location: string, key: string): Fault {
  return new Fault('OBJECT_MISSING', `${key} is not in ${location}`, {
    hint: 'Look at what else is missing.',
  })
}

export function missingBucket(location: string): Fault {
  return new Fault('REPOSITORY_MISSING', `the bucket of ${location} does not exist, or is not shown to us`, {
    hint: 'Check the name; make a bucket with `gcloud storage buckets create gs://NAME --location=REGION --uniform-bucket-level-access`. Holdfast makes none by itself.',
  })
}

function explain(reply: ErrorReply): Explanation {
  const reason = reasonOf(reply)
  if (/retentionPolicyNotMet|objectUnderActiveHold/.test(reason) || isAboutLocks(reply)) return locked
  if (/rateLimitExceeded|userRateLimitExceeded/i.test(reason)) return throttled
  return byStatus[reply.status] ?? (reply.status >= 500 ? broken : unsupported)
}

function isAboutLocks({ status, text }: ErrorReply): boolean {
  return (
    status === 403 && /retention policy|object retention|active (?:temporary |event-based )?hold/i.test(text)
  )
}

const locked: Explanation = {
  code: 'OBJECT_LOCKED',
  hint: 'Wait until the retention ends, or have the hold released; `gcloud storage objects describe` shows both.',
}
const throttled: Explanation = {
  code: 'STORAGE_THROTTLED',
  hint: 'Try again later, with fewer workers; a new bucket takes more requests a second after it has been busy for a while.',
}
const broken: Explanation = {
  code: 'STORAGE_UNAVAILABLE',
  hint: "Try again later; the cloud's status page shows whether others have the same trouble.",
}
const unsupported: Explanation = {
  code: 'STORAGE_UNSUPPORTED',
  hint: 'Compare what the storage says with the keys of this repository in the configuration; see docs/object-storage.md.',
}
const byStatus: Readonly<Record<number, Explanation>> = {
  401: {
    code: 'STORAGE_CREDENTIALS',
    hint: 'Log in anew (`gcloud auth application-default login`), or give a key file by GOOGLE_APPLICATION_CREDENTIALS or credentials.key.',
  },
  403: {
    code: 'STORAGE_DENIED',
    hint: 'Give the account the rights it needs; `holdfast policy gcs` prints the least of them.',
  },
  408: broken,
  429: throttled,
  501: unsupported,
  503: throttled,
}

/** The first line of what the storage says, in its own words. */
function wordsOf({ text }: ErrorReply): string {
  const said = saidBy(text)?.message ?? text
  return said.trim().split('\n', 1)[0]?.slice(0, 300) ?? ''
}

function reasonOf({ text }: ErrorReply): string {
  return saidBy(text)?.reasons.join(' ') ?? ''
}

interface Said {
  readonly message: string
  readonly reasons: readonly string[]
}

const errorDocument = z.object({
  error: z.object({
    message: z.optional(z.unknown()),
    errors: z.optional(
      z.array(z.object({ message: z.optional(z.string()), reason: z.optional(z.string()) })),
    ),
  }),
})

/** Google's testbench puts the error that it means, as JSON, into the message of another one. */
function saidBy(text: unknown, depth = 0): Said | undefined {
  const { data } = z.safeParse(errorDocument, typeof text === 'string' ? parsed(text) : text)
  if (!data || depth > 2) return undefined
  const { message, errors = [] } = data.error
  const inner = saidBy(message, depth + 1)
  if (inner) return inner
  const words = typeof message === 'string' ? message : errors[0]?.message
  if (words === undefined) return undefined
  return { message: words, reasons: errors.flatMap(({ reason }) => reason ?? []) }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
