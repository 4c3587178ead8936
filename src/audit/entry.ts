/**
 * An entry of the audit trail: one line of JSON that holds the hash of the entry before it and, last, its own. So nobody can
 * change, remove or reorder entries without it being seen; who cuts off the end is found by the copy in the repository.
 *
 * Words: a *chain* is all entries that one installation on one host ever made, numbered from 1; its *head* is the newest.
 */
import { createHash } from 'node:crypto'
import * as z from 'zod/mini'

const text = z.string()
const instant = z.string().check(z.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/))
const hash = z.string().check(z.regex(/^[0-9a-f]{64}$/))
const number = z.int().check(z.gte(1))

/** Who did it, as far as the operating system can tell. */
const who = z.object({
  user: text,
  uid: z.int(),
  /** Who became this user by sudo. */
  sudoUser: z.optional(text),
  host: text,
  pid: z.int(),
  /** `hand`, or what started it: `agent`, `timer`, `cron`, `postgres`, `hook`. */
  by: text,
  /** The job of the agent, or of a timer or crontab. */
  job: z.optional(text),
  /** Whether somebody sat at a terminal. */
  terminal: z.boolean(),
})
export type Who = z.infer<typeof who>

const what = z.object({
  verb: text,
  /** The command line without what may be secret. */
  words: z.array(text),
  cluster: text,
  repositories: z.array(text),
  /** Of backups, dumps and snapshots that it made, read or removed. Of very many, the first. */
  ids: z.array(text),
  idsMore: z.optional(z.int()),
  /** Where to: a directory, a database, a server. */
  target: z.optional(text),
  /** Of the configuration file, so that a change of policy shows. */
  configSha256: z.optional(hash),
  tool: text,
})
export type What = z.infer<typeof what>

const result = z.object({
  state: z.enum(['done', 'failed']),
  exit: z.int(),
  /** Of the error catalogue. */
  code: z.optional(text),
  message: z.optional(text),
  bytes: z.optional(z.number()),
  /** So many of the same in one entry: of WAL, where each has no entry of its own. */
  times: z.optional(z.int()),
})
export type Result = z.infer<typeof result>

/** A secret key was used: the public keys that belong to it. */
const keyUse = z.object({ repository: text, publicKeys: z.array(text) })
export type KeyUse = z.infer<typeof keyUse>

const facts = z.record(text, z.union([text, z.number(), z.boolean(), z.null(), z.array(text)]))
export type Facts = z.infer<typeof facts>

const event = z.discriminatedUnion('event', [
  z.object({ event: z.literal('chain'), at: instant, who, tool: text }),
  z.object({ event: z.literal('begun'), at: instant, operation: text, who, what }),
  z.object({
    event: z.literal('ended'),
    at: instant,
    startedAt: instant,
    operation: text,
    who,
    what,
    result,
    keys: z.array(keyUse),
  }),
  /** What happened within an operation, and is to be found by itself: a hook, an erasure. */
  z.object({ event: z.literal('note'), at: instant, operation: text, who, about: text, facts }),
  /** What a process left that was killed while it wrote. */
  z.object({ event: z.literal('mended'), at: instant, who, bytes: z.int(), removed: text }),
])
/** What happened, before it has a place in a chain. */
export type AuditEvent = z.infer<typeof event>
export type Ended = Extract<AuditEvent, { event: 'ended' }>
export type Begun = Extract<AuditEvent, { event: 'begun' }>
export type Note = Extract<AuditEvent, { event: 'note' }>

const place = z.object({ format: z.literal(1), chain: text, n: number, prev: hash })
export type Entry = z.infer<typeof place> & { readonly hash: string } & AuditEvent

/** The newest entry of a chain, as the next one names it. */
export interface Head {
  readonly chain: string
  readonly n: number
  readonly hash: string
}

/** Of a chain that has no entry yet. */
export const beforeFirst = (chain: string): Head => ({ chain, n: 0, hash: '0'.repeat(64) })

/** The line (without its end) of what comes after `head`, and the head that it becomes. */
export function encodeEntry(
  head: Head,
  happened: AuditEvent,
): { readonly line: string; readonly head: Head } {
  const { chain } = head
  const n = head.n + 1
  const record = { format: 1, chain, n, prev: head.hash, ...happened }
  const body = JSON.stringify(record).slice(0, -1)
  const own = hashOf(body)
  return { line: `${body}${hashStart}${own}"}`, head: { chain, n, hash: own } }
}

/** Undefined when it is no entry, or was changed. */
export function parseEntry(line: string): Entry | undefined {
  const at = line.lastIndexOf(hashStart)
  const own = line.slice(at + hashStart.length, -2)
  if (at < 0 || !line.endsWith('"}') || hashOf(line.slice(0, at)) !== own) return undefined
  try {
    const value: unknown = JSON.parse(line)
    return { ...place.parse(value), hash: own, ...event.parse(value) }
  } catch {
    return undefined
  }
}

export const headOf = ({ chain, n, hash: own }: Entry): Head => ({ chain, n, hash: own })

const hashStart = ',"hash":"'

/** Of all that stands before its own hash. */
const hashOf = (body: string): string => createHash('sha256').update(body).digest('hex')
