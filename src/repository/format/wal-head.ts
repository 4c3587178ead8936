/**
 * What is told in the clear about a stored WAL file: enough to check, list, and find a time, without a key.
 *
 * It stands in the object itself, before the sealed bytes: in an age header as a stanza of the type
 * `holdfast.dev/wal`, which the `age` program passes over; in an unencrypted object as a zstd skippable frame,
 * which the `zstd` program passes over. docs/format.md is the law.
 */
import { crc32 } from 'node:zlib'
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'

export interface WalHead {
  readonly name: string
  /** Decimal; absent for history files, which do not name their cluster. */
  readonly systemIdentifier?: string | undefined
  readonly sizeBytes: number
  /** Of the raw bytes, hexadecimal: tells whether a second push brings the same file. */
  readonly sha256: string
  /** Earliest and latest time of a commit or abort record that begins in this segment; absent when there is none. */
  readonly commits?:
    { readonly count: number; readonly earliest: string; readonly latest: string } | undefined
  /** Of a history file: the timelines that this one comes from, oldest first, and where each was left. */
  readonly ancestors?: readonly Ancestor[] | undefined
}

export interface Ancestor {
  readonly timeline: number
  /** As PostgreSQL prints it: `0/5000028`. */
  readonly endLsn: string
}

/** A type and its words, as pipeline/age.ts and pipeline/codec.ts store them. Words hold no spaces. */
export interface Stanza {
  readonly type: string
  readonly args: readonly string[]
}

export const walHeadType = 'holdfast.dev/wal'

export function encodeWalHead(head: WalHead): Stanza {
  const { name, systemIdentifier, sizeBytes, sha256, commits, ancestors } = head
  const fields: readonly (readonly [string, string | undefined])[] = [
    ['name', name],
    ['system', systemIdentifier],
    ['size', String(sizeBytes)],
    ['sha256', sha256],
    ['commits', commits && String(commits.count)],
    ['earliest', commits?.earliest],
    ['latest', commits?.latest],
    ['ancestors', ancestors?.map(({ timeline, endLsn }) => `${String(timeline)}@${endLsn}`).join(',')],
  ]
  const words = fields.flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`]))
  return { type: walHeadType, args: [...words, checkOf(words)] }
}

/** Who reads a head has no key, so age's own seal over it can not be checked; this finds damage, not forgery. */
function checkOf(words: readonly string[]): string {
  return `crc32=${crc32(words.join(' ')).toString(16).padStart(8, '0')}`
}

/** The head among an object's clear stanzas. OBJECT_CORRUPT when it is not there or not what encodeWalHead writes. */
export function decodeWalHead(stanzas: readonly Stanza[], what: string): WalHead {
  const [stanza, ...more] = stanzas.filter(({ type }) => type === walHeadType)
  if (!stanza || more.length > 0)
    throw corrupt(what, `it has ${String(more.length + (stanza ? 1 : 0))} WAL heads instead of one`)
  const fields = fieldsOf(stanza, what)
  const take = (key: string, pattern: RegExp): string => {
    const value = fields.get(key)
    if (value === undefined || !pattern.test(value))
      throw corrupt(what, `"${key}" in its head is ${value ?? 'missing'}`)
    return value
  }
  const takeCount = (key: string): number => Number(take(key, /^\d{1,15}$/))
  const head: WalHead = {
    name: take('name', namePattern),
    sizeBytes: takeCount('size'),
    sha256: take('sha256', /^[0-9a-f]{64}$/),
  }
  if (head.sizeBytes > limits.walSegmentSizeBytesMax)
    throw corrupt(what, `its head says ${String(head.sizeBytes)} bytes`)
  const system = fields.has('system') ? { systemIdentifier: take('system', /^[1-9]\d{0,19}$/) } : {}
  if (fields.has('ancestors'))
    return { ...head, ...system, ancestors: ancestorsOf(take('ancestors', ancestorsPattern)) }
  if (!fields.has('commits')) return { ...head, ...system }
  const commits = {
    count: takeCount('commits'),
    earliest: take('earliest', timePattern),
    latest: take('latest', timePattern),
  }
  return { ...head, ...system, commits }
}

const namePattern = /^[0-9A-F]{8}(\.history|[0-9A-F]{16}(\.partial|\.[0-9A-F]{8}\.backup)?)$/
const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/

const ancestorsPattern = /^\d{1,10}@[0-9A-F]{1,8}\/[0-9A-F]{1,8}(,\d{1,10}@[0-9A-F]{1,8}\/[0-9A-F]{1,8})*$/

function ancestorsOf(word: string): readonly Ancestor[] {
  return word.split(',').map(pair => {
    const [timeline = '', endLsn = ''] = pair.split('@')
    return { timeline: Number(timeline), endLsn }
  })
}

/** Words of a later version are passed over; a word that stands twice is damage. */
function fieldsOf({ args }: Stanza, what: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  const words = args.slice(0, -1)
  if (args.at(-1) !== checkOf(words)) throw corrupt(what, 'its head does not have the checksum it says')
  for (const word of words) {
    const at = word.indexOf('=')
    if (at < 1 || fields.has(word.slice(0, at))) throw corrupt(what, `its head has the word "${word}"`)
    fields.set(word.slice(0, at), word.slice(at + 1))
  }
  return fields
}

function corrupt(what: string, why: string): Fault {
  return new Fault('OBJECT_CORRUPT', `${what} is damaged: ${why}`, {
    hint: 'Run holdfast verify to see what else is damaged; another copy of the repository may still have this file.',
  })
}
