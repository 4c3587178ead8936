/** Where somebody who asked to be forgotten still is, and until when: of each request, in one repository. Decides only. */
import type { PlaceFacts } from '../expire/facts.ts'
import type { Forecast } from '../expire/forecast.ts'
import { mayHoldPerson, type MadeAt } from '../../policy/erasures.ts'
import type { ErasureRecord } from '../../repository/format/erasure-record.ts'
import { segmentAt } from '../../wal/segment.ts'
import { parseLsn } from '../../wal/lsn.ts'

export interface StillIn {
  readonly id: string
  readonly kind: string
  readonly endedAt: string | undefined
  /** Undefined: nobody can tell, or never. */
  readonly goneMs: number | undefined
  readonly because: string
}

export interface Whereabouts {
  readonly items: readonly StillIn[]
  /** WAL from before the request. Undefined: there is none. */
  readonly wal: { readonly segments: number; readonly goneMs: number | undefined } | undefined
  /** When nothing of it is left; undefined: never, as things stand. Nothing now: the time of asking. */
  readonly goneMs: number | undefined
}

export interface ForeseenFacts {
  readonly facts: Pick<PlaceFacts, 'backups' | 'dumps'>
  readonly forecast: Forecast
  readonly nowMs: number
}

export function whereaboutsOf(
  request: Pick<ErasureRecord, 'lsn' | 'timeline' | 'settled' | 'requestedAt'>,
  { facts, forecast, nowMs }: ForeseenFacts,
  segmentSizeBytes: number,
): Whereabouts {
  const items = forecast.items
    .filter(({ item }) => mayHoldPerson(madeOf(facts, item.id, item.endedAt), request))
    .map(({ item: { id, kind, endedAt }, goneMs, because }) => ({ id, kind, endedAt, goneMs, because }))
  const older = forecast.wal.filter(({ stretch }) => isBefore(stretch, request, segmentSizeBytes))
  const wal =
    older.length === 0
      ? undefined
      : {
          segments: older.reduce((sum, { stretch }) => sum + stretch.segments, 0),
          goneMs: latest(older.map(({ goneMs }) => goneMs)),
        }
  const all = [...items.map(({ goneMs }) => goneMs), ...(wal ? [wal.goneMs] : [])]
  return { items, wal, goneMs: all.length === 0 ? nowMs : latest(all) }
}

function madeOf(
  { backups, dumps }: ForeseenFacts['facts'],
  id: string,
  endedAt: string | undefined,
): MadeAt | { readonly endedMs: number } {
  const endedMs = endedAt === undefined ? 0 : Date.parse(endedAt)
  const backup = backups.find(({ facts }) => facts.id === id)?.facts
  if (backup) return { timeline: backup.timeline, lsn: backup.startLsn, endedMs }
  const dump = dumps.find(({ facts }) => facts.id === id)?.facts
  return dump ? { timeline: dump.timeline, lsn: dump.lsn, endedMs } : { endedMs }
}

function isBefore(
  { timeline, first, newestMs }: Forecast['wal'][number]['stretch'],
  request: Pick<ErasureRecord, 'lsn' | 'timeline' | 'settled' | 'requestedAt'>,
  segmentSizeBytes: number,
): boolean {
  const lsn = request.lsn === null ? undefined : parseLsn(request.lsn)
  if (lsn === undefined || request.timeline !== timeline)
    return mayHoldPerson({ endedMs: newestMs }, request) || request.timeline === null
  return first <= segmentAt(timeline, lsn, segmentSizeBytes).number
}

/** Undefined as soon as one of them is. */
export function latest(times: readonly (number | undefined)[]): number | undefined {
  return times.some(time => time === undefined) ? undefined : Math.max(...times.map(time => time ?? 0))
}
