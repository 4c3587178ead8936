/**
 * Which requests to forget a person have to be applied to a restored state: those that it does not surely hold already.
 * Decides only. When in doubt a request is applied again: what deletes and overwrites does no harm a second time.
 */
import { parseLsn, type Lsn } from '../wal/lsn.ts'

/** How far a state goes on each timeline that led to it. */
export type ReachedPoints = readonly { readonly timeline: number; readonly lsn: Lsn }[]

/** Of a request, what says when it was made. */
export interface RequestedAt {
  readonly lsn: string | null
  readonly timeline: number | null
  /** The server was without the person at that position. */
  readonly settled: boolean
}

/**
 * The state surely goes on from a server that had forgotten the person. Only positions are compared, on the same timeline:
 * clocks are set, and a server that was promoted twice has two histories under one number, so its last timeline is none
 * that `reached` names.
 */
export function holdsErasure(reached: ReachedPoints, { lsn, timeline, settled }: RequestedAt): boolean {
  const position = lsn === null ? undefined : parseLsn(lsn)
  if (!settled || position === undefined) return false
  return reached.some(point => point.timeline === timeline && point.lsn >= position)
}

/** What was made of the server, as far as it tells whether the person is in it. */
export interface MadeAt {
  readonly timeline: number
  /** Where it began. */
  readonly lsn: Lsn
  readonly endedMs: number
}

/**
 * Whether the person may be in it: it began before the server was without the person. On another timeline, and where
 * positions are not known, times tell, with an hour for clocks that differ.
 */
export function mayHoldPerson(
  made: MadeAt | { readonly endedMs: number },
  { lsn, timeline, requestedAt }: RequestedAt & { readonly requestedAt: string },
): boolean {
  const position = lsn === null ? undefined : parseLsn(lsn)
  if ('lsn' in made && position !== undefined && made.timeline === timeline) return made.lsn < position
  return made.endedMs <= Date.parse(requestedAt) + clockSlackMs
}

const clockSlackMs = 60 * 60 * 1000
