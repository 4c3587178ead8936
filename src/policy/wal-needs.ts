/** Which WAL is still needed, and for what: by the backups that are kept. Decides only. */
import { segmentAt, segmentBefore } from '../wal/segment.ts'
import type { BackupFacts } from './backup-facts.ts'
import type { RetentionPlan } from './retention.ts'

export interface WalNeeds {
  /** Why the segment is needed, as a clause without a subject; undefined when it is not. */
  reason(timeline: number, number: bigint): string | undefined
  /** Segments of a timeline at which the answer may change, in ascending order. */
  boundaries(timeline: number): readonly bigint[]
}

type Needing = Pick<BackupFacts, 'id' | 'timeline' | 'startLsn' | 'stopLsn'>

export interface WalNeedsFacts extends Pick<RetentionPlan, 'walBases' | 'consistentOnly'> {
  /** Copied whole, and waiting for their WAL. */
  readonly awaiting?: readonly Needing[] | undefined
  /**
   * Whether it is known which timelines come from which, and which of them the bases lead to. When not, all of every newer
   * timeline is needed.
   */
  readonly isOriginKnown: (timeline: number) => boolean
  /** Nothing leads on from these: of an archive, whose backups stand alone. */
  readonly isConsistentOnly?: boolean | undefined
  readonly segmentSizeBytes: number
}

export function walNeedsOf(facts: WalNeedsFacts): WalNeeds {
  const { walBases, consistentOnly, awaiting = [], isOriginKnown, segmentSizeBytes } = facts
  const isAlone = facts.isConsistentOnly ?? false
  const spanOf = ({ id, timeline, startLsn, stopLsn }: Needing): Span => ({
    id,
    timeline,
    first: segmentAt(timeline, startLsn, segmentSizeBytes).number,
    last: segmentBefore(timeline, stopLsn, segmentSizeBytes).number,
  })
  const goOn = [...(isAlone ? [] : walBases), ...awaiting].map(spanOf)
  const alone = [...(isAlone ? walBases : []), ...consistentOnly].map(spanOf)
  const isFollowed = (span: Span, timeline: number, number: bigint): boolean =>
    span.timeline === timeline || isOriginKnown(timeline)
      ? span.timeline <= timeline && span.first <= number
      : span.timeline < timeline
  return {
    reason(timeline, number) {
      // Without a good backup nobody knows what a later one, or a repair, will need.
      if (walBases.length === 0 && !isAlone) return 'there is no good backup that WAL could be kept from'
      const base = goOn.find(span => isFollowed(span, timeline, number))
      if (base) return `leads on from ${base.id}`
      const span = alone.find(one => one.timeline === timeline && one.first <= number && number <= one.last)
      return span && `makes ${span.id} consistent`
    },
    boundaries(timeline) {
      const own = alone
        .filter(span => span.timeline === timeline)
        .flatMap(({ first, last }) => [first, last + 1n])
      return [...new Set([...own, ...goOn.map(({ first }) => first)])].sort((a, b) => (a < b ? -1 : 1))
    },
  }
}

/** Of two that may both be right: what either of them needs. */
export function eitherOf(one: WalNeeds, other: WalNeeds): WalNeeds {
  return {
    reason: (timeline, number) => one.reason(timeline, number) ?? other.reason(timeline, number),
    boundaries: timeline =>
      [...new Set([...one.boundaries(timeline), ...other.boundaries(timeline)])].sort((a, b) =>
        a < b ? -1 : 1,
      ),
  }
}

interface Span {
  readonly id: string
  readonly timeline: number
  readonly first: bigint
  readonly last: bigint
}
