/** One thing that one sink is told of one alert. */
import type { Finding } from './finding.ts'

/**
 * `worse` and `better`: it has become critical, or only a warning. `repeated`: it is still so. `resolved`: it is over.
 * `withdrawn`: it goes on, but this sink is no longer told of it.
 */
export const noticeKinds = ['opened', 'worse', 'better', 'repeated', 'resolved', 'withdrawn', 'test'] as const
export type NoticeKind = (typeof noticeKinds)[number]

export interface Notice {
  /** The same each time that it is delivered: who gets it twice can tell. */
  readonly id: string
  readonly alertId: string
  readonly kind: NoticeKind
  readonly cluster: string
  /** As it is now; of what is over, as it was told last. */
  readonly finding: Finding
  readonly sinceMs: number
  readonly atMs: number
  /** It comes and goes: so often it came lately. Undefined: it does not. */
  readonly cameTimes: number | undefined
}

/** What may stand in one message: what is new, what is repeated, and what is over each have a subject line of their own. */
export function groupOf(kind: NoticeKind): 'news' | 'again' | 'over' {
  if (kind === 'repeated') return 'again'
  return kind === 'resolved' || kind === 'withdrawn' ? 'over' : 'news'
}
