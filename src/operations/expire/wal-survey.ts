/**
 * The WAL of a repository in stretches between the places where the answer to "is it needed?" may change: so a year of WAL
 * is counted while it is listed, and not kept.
 */
import { walNameOf, walPrefix } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import { classifyWalFile, parseSegmentName } from '../../wal/segment.ts'

export interface WalStretch {
  readonly timeline: number
  /** Of what is there: the first and the last number. */
  readonly first: bigint
  readonly last: bigint
  /** Whole segments, each counted once. */
  readonly segments: number
  /** Objects: what belongs to a segment, too, and a segment that lies there sealed and open. */
  readonly files: number
  readonly bytes: number
  /** When the newest of them was written, by the storage's clock. */
  readonly newestMs: number
}

export interface WalSurveyed {
  /** In the order of timelines and numbers. */
  readonly stretches: readonly WalStretch[]
  /** Names of history files. They are small, say where what is kept comes from, and are never removed. */
  readonly histories: readonly string[]
}

export async function surveyStretches(
  { storage, identity }: Pick<Repository, 'storage' | 'identity'>,
  /** Of segments, in any timeline; in ascending order. */
  boundaries: readonly bigint[],
  signal: AbortSignal,
): Promise<WalSurveyed> {
  const stretches: Mutable<WalStretch>[] = []
  const histories: string[] = []
  let lastSegment: string | undefined
  let passed = 0
  for await (const { key, sizeBytes, modifiedMs } of storage.list(walPrefix(identity.cluster), signal)) {
    const name = walNameOf(identity.cluster, key)
    const file = name === undefined ? undefined : classifyWalFile(name)
    if (name === undefined || !file) continue
    if (file.kind === 'history') {
      histories.push(name)
      continue
    }
    const { timeline, number } = parseSegmentName(name, identity.walSegmentSizeBytes)
    let stretch = stretches.at(-1)
    const isNewTimeline = stretch?.timeline !== timeline
    const before = passed
    if (isNewTimeline) passed = 0
    for (let at; (at = boundaries[passed]) !== undefined && at <= number;) passed++
    if (!stretch || isNewTimeline || passed !== before) {
      stretch = { timeline, first: number, last: number, segments: 0, files: 0, bytes: 0, newestMs: 0 }
      stretches.push(stretch)
    }
    stretch.last = number
    stretch.files++
    stretch.bytes += sizeBytes
    stretch.newestMs = Math.max(stretch.newestMs, modifiedMs)
    if (file.kind === 'segment' && name !== lastSegment) stretch.segments++
    lastSegment = name
  }
  return { stretches, histories: [...new Set(histories)] }
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/** Whether all segments from one to the other are there, both ends included; both lie at boundaries. */
export function isWhole(
  stretches: readonly WalStretch[],
  timeline: number,
  first: bigint,
  last: bigint,
): boolean {
  const inside = stretches.filter(one => one.timeline === timeline && first <= one.first && one.last <= last)
  return BigInt(inside.reduce((sum, { segments }) => sum + segments, 0)) === last - first + 1n
}
