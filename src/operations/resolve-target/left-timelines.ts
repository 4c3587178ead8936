/**
 * What was written at the time of the target on timelines that the plan does not follow. After a restore that took the
 * place of the original, "the newest timeline" no longer leads to what was there shortly before; nobody should find that
 * out afterwards.
 */
import { limits } from '../../base/limits.ts'
import type { TimelinePath } from '../../policy/timeline-path.ts'
import { formatMicros, type Micros } from '../../wal/time.ts'
import type { ArchiveView } from '../archive-view.ts'
import type { WalLookup } from '../wal-lookup.ts'

export async function noteLeftTimelines(
  path: TimelinePath,
  time: Micros,
  view: ArchiveView,
  lookup: WalLookup,
): Promise<readonly string[]> {
  const notes: string[] = []
  for (const number of view.archive().timelines.keys()) {
    const began = await firstTimeBeyond(number, path, view, lookup)
    if (began === undefined || began > time) continue
    const timeline = String(number)
    notes.push(
      `Timeline ${timeline} has transactions from ${formatMicros(began)} on that this does not bring back; --timeline ${timeline} leads to them.`,
    )
  }
  return notes
}

/** A note is not worth more. */
const runsLookedAtMax = 4
const segmentsLookedAtMax = 64n

/** When the first transaction ended in the part of a timeline that the path does not pass through. */
async function firstTimeBeyond(
  timeline: number,
  path: TimelinePath,
  view: ArchiveView,
  lookup: WalLookup,
): Promise<Micros | undefined> {
  const followed = path.find(span => span.timeline === timeline)
  if (followed && followed.endLsn === undefined) return undefined
  // The segment in which the timeline was left holds transactions of both sides.
  const from =
    followed?.endLsn === undefined ? 0n : followed.endLsn / BigInt(view.archive().segmentSizeBytes) + 1n
  await view.glance(timeline, from, limits.storageListPageKeys)
  const { runs = [] } = view.archive().timelines.get(timeline) ?? {}
  const own: TimelinePath = [{ timeline, beginLsn: 0n, endLsn: undefined }]
  const beyond = runs.filter(({ last }) => last >= from).slice(0, runsLookedAtMax)
  for (const { first, last } of beyond) {
    const start = first > from ? first : from
    for (let number = start; number <= last && number < start + segmentsLookedAtMax; number++) {
      const span = await lookup.commitsIn({ path: own, number, isPartial: false })
      if (span) return span.earliest
    }
  }
  return undefined
}
