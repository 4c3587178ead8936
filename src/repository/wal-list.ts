/**
 * Lists WAL files: all of them, those of one timeline, or a stretch of one. A year of WAL is half a million objects, so
 * whoever needs a part of it asks for that part: the keys are in the order of the log, and listing begins behind any key.
 */
import { limits } from '../base/limits.ts'
import { walKey, walNameOf, walPrefix } from './layout.ts'
import type { Repository } from './repository.ts'

export interface WalEntry {
  readonly name: string
  /** As stored. */
  readonly sizeBytes: number
  readonly key: string
}

/** Names of segments of one timeline, both ends included. What belongs to a segment (`.partial`, `.backup`) is listed with it. */
export interface WalRange {
  readonly from: string
  /** Undefined: to the end of the timeline. */
  readonly to: string | undefined
  /** So many files are enough. */
  readonly filesMax?: number | undefined
}

export interface WalSurvey {
  /** All history files, and of each timeline its first files: a timeline that has segments shows one. */
  readonly files: readonly WalEntry[]
  /** `files` are all there are. */
  readonly isWhole: boolean
}

/** All WAL files, those of a timeline (its history file among them), or a range, in the order of their keys. */
export async function* listWal(
  { storage, identity: { cluster } }: Repository,
  what: number | WalRange | undefined,
  signal: AbortSignal,
): AsyncGenerator<WalEntry, void, undefined> {
  let last: string | undefined
  let count = 0
  for await (const { key, sizeBytes } of storage.list(rangeOf(cluster, what), signal)) {
    const name = walNameOf(cluster, key)
    // Both `x.zst` and `x.zst.age` may be there; they sort side by side.
    if (name === undefined || name === last) continue
    last = name
    if (typeof what === 'object' && isBehind(name, what)) return
    yield { name, sizeBytes, key }
    if (typeof what === 'object' && ++count === what.filesMax) return
  }
}

/**
 * Which timelines there are. One answer of the storage is taken of each; what is left of a timeline then is passed over,
 * so that it costs a request or two for each timeline, however much WAL it has.
 */
export async function surveyWal(
  { storage, identity: { cluster } }: Repository,
  signal: AbortSignal,
  filesOfTimelineMax: number = limits.storageListPageKeys,
): Promise<WalSurvey> {
  const prefix = walPrefix(cluster)
  const files: WalEntry[] = []
  let isWhole = true
  for (let after: string | undefined, isEnd = false; !isEnd;) {
    const met = { timeline: '', files: 0 }
    isEnd = true
    for await (const { key, sizeBytes } of storage.list({ prefix, after }, signal)) {
      const name = walNameOf(cluster, key)
      if (name === undefined || name === files.at(-1)?.name) continue
      files.push({ name, sizeBytes, key })
      const timeline = name.slice(0, 8)
      if (timeline !== met.timeline) Object.assign(met, { timeline, files: 0 })
      // The history file comes before the segments of its timeline, of which one has to show.
      if (++met.files < filesOfTimelineMax || name.endsWith('.history')) continue
      after = behindTimeline(prefix, timeline)
      isEnd = isWhole = false
      break
    }
  }
  return { files, isWhole }
}

/** Greater than the key of every segment of the timeline (`0` follows `/`), and less than all of the next one. */
const behindTimeline = (prefix: string, timeline: string): string => `${prefix}${timeline}0`

function rangeOf(
  cluster: string,
  what: number | WalRange | undefined,
): { readonly prefix: string; readonly after?: string } {
  const prefix = walPrefix(cluster)
  if (what === undefined) return { prefix }
  if (typeof what === 'number') return { prefix: prefix + eightHex(what) }
  // Without its suffix the key comes before all that belongs to the segment.
  return { prefix: `${prefix}${what.from.slice(0, 8)}/`, after: walKey(cluster, what.from, '') }
}

const isBehind = (name: string, { to }: WalRange): boolean => to !== undefined && name.slice(0, 24) > to

const eightHex = (n: number): string => n.toString(16).toUpperCase().padStart(8, '0')
