/** `erase status`: in which backups somebody who asked to be forgotten still is, and when the last of them will be gone. */
import { isFault, type Fault } from '../base/fault.ts'
import { formatTime } from '../base/units.ts'
import { latest, whereaboutsOf, type Whereabouts } from '../operations/erase/whereabouts.ts'
import type { UnitedErasure } from '../operations/erase/open-erasures.ts'
import { lookAtAll } from '../operations/expire/expire.ts'
import { forecastExpiry, type Forecast } from '../operations/expire/forecast.ts'
import type { PlaceFacts } from '../operations/expire/facts.ts'
import { lockedReasons } from '../operations/expire/locked.ts'
import { planExpiry } from '../operations/expire/plan.ts'
import { isArchiveName } from '../operations/sources/archive-name.ts'
import type { CommandContext } from './context.ts'
import { readUnited, subjectOf } from './erase-list.ts'
import { expireDeps, placesToExpire } from './expire-setup.ts'
import { counted, listingOf } from './table.ts'

interface ForeseenPlace {
  readonly name: string
  readonly facts: PlaceFacts
  readonly forecast: Forecast
  readonly segmentSizeBytes: number
}

export interface RequestStatus {
  readonly id: string
  readonly subject: string | null
  readonly requestedAt: string
  readonly settled: boolean
  readonly places: readonly (Whereabouts & { readonly repository: string })[]
  /** Null: never, as things stand. */
  readonly goneMs: number | null
}

export async function runEraseStatus(
  context: CommandContext,
  { repository }: { readonly repository: string | undefined },
): Promise<number | undefined> {
  const { output, world } = context
  const nowMs = world.clock.now()
  const inForce = (await readUnited(context, undefined)).filter(({ withdrawal }) => withdrawal === undefined)
  const { places, failure } =
    inForce.length === 0 ? { places: [], failure: undefined } : await foreseeAll(context, repository)
  const told: RequestStatus[] = []
  for (const erasure of inForce) told.push(await statusOf(context, erasure, places, nowMs))
  output.result(told.map(statusRecord), () =>
    told.length === 0
      ? 'nobody asked to be forgotten\n'
      : told.map(one => statusText(one, nowMs)).join('\n') + assumption,
  )
  return failure?.exit
}

const assumption =
  '\nDates are those of the daily expiry that removes the last of it, when backups go on at the present pace (daily where there is only one so far).\n'

async function foreseeAll(
  context: CommandContext,
  repository: string | undefined,
): Promise<{ readonly places: readonly ForeseenPlace[]; readonly failure: Fault | undefined }> {
  const { config } = await context.config()
  const places: ForeseenPlace[] = []
  let failure: Fault | undefined
  for (const name of placesToExpire(config, repository)) {
    try {
      places.push(await foresee(context, name))
    } catch (error) {
      context.signal.throwIfAborted()
      if (!isFault(error)) throw error
      if (!isArchiveName(name)) context.output.warn(`repository ${name} was not looked at: ${error.message}`)
      failure ??= error
    }
  }
  return { places, failure }
}

/** Locks are looked at for all there is: whatever goes, goes when its lock has ended. */
async function foresee(context: CommandContext, name: string): Promise<ForeseenPlace> {
  const { signal } = context
  const deps = { ...(await expireDeps(context, name, [])), receivers: [] }
  const { request } = await lookAtAll(deps, { backup: undefined, dump: undefined }, signal)
  const { items } = planExpiry(request)
  const locked = await lockedReasons(deps.repository, items, request.nowMs, signal)
  const more = new Map(request.more)
  for (const [id, reason] of locked) more.set(id, [...(more.get(id) ?? []), reason])
  const { facts, segmentSizeBytes } = request
  return { name, facts, forecast: forecastExpiry({ ...request, more }), segmentSizeBytes }
}

async function statusOf(
  { signal }: CommandContext,
  erasure: UnitedErasure,
  places: readonly ForeseenPlace[],
  nowMs: number,
): Promise<RequestStatus> {
  const { id, requestedAt, settled } = erasure.record
  const all = places.map(({ name, facts, forecast, segmentSizeBytes }) => ({
    repository: name,
    ...whereaboutsOf(erasure.record, { facts, forecast, nowMs }, segmentSizeBytes),
  }))
  const gone = latest(all.map(({ goneMs }) => goneMs))
  return {
    id,
    subject: (await subjectOf(erasure, signal)) ?? null,
    requestedAt,
    settled,
    // An archive in which nothing lies is nothing to tell of.
    places: all.filter(
      ({ repository, items, wal }) => !isArchiveName(repository) || items.length > 0 || wal !== undefined,
    ),
    goneMs: gone ?? null,
  }
}

function statusRecord({ places, goneMs, ...request }: RequestStatus): object {
  const date = (ms: number | null | undefined): string | null =>
    ms === undefined || ms === null ? null : new Date(ms).toISOString()
  return {
    ...request,
    gone: date(goneMs),
    places: places.map(({ repository, items, wal, goneMs: placeMs }) => ({
      repository,
      gone: date(placeMs),
      items: items.map(({ goneMs: itemMs, ...item }) => ({ ...item, gone: date(itemMs) })),
      wal: wal ? { segments: wal.segments, gone: date(wal.goneMs) } : null,
    })),
  }
}

function statusText(
  { id, subject, requestedAt, settled, places, goneMs }: RequestStatus,
  nowMs: number,
): string {
  const made = formatTime(Math.floor(Date.parse(requestedAt) / 1000) * 1000)
  return listingOf([
    ['request', id],
    ['subject', subject ?? '(sealed: no key here)'],
    ['made', made],
    ...places.map(place => [place.repository, placeText(place, nowMs)] as const),
    ['gone', goneText(goneMs, nowMs)],
    [
      'note',
      settled
        ? undefined
        : 'the server was not seen without the person: newer backups may hold the person, too',
    ],
  ])
}

const kindNames: Readonly<Record<string, string>> = {
  full: 'backup',
  incremental: 'backup',
  managed: 'managed snapshot',
  unreadable: 'unreadable record',
}

function placeText({ items, wal, goneMs }: Whereabouts, nowMs: number): string {
  if (items.length === 0 && !wal) return 'nothing any more'
  const kinds = Map.groupBy(items, ({ kind }) => kindNames[kind] ?? kind)
  const parts = [
    ...[...kinds].map(([kind, some]) => counted(some.length, kind)),
    ...(wal ? [counted(wal.segments, 'WAL segment')] : []),
  ]
  const last = items.toSorted((a, b) => (b.goneMs ?? Infinity) - (a.goneMs ?? Infinity))[0]
  const why = last ? `; the last is ${last.id}: ${last.because}` : ''
  return `${parts.join(', ')}: ${goneText(goneMs, nowMs)}${why}`
}

function goneText(goneMs: number | null | undefined, nowMs: number): string {
  if (goneMs === null || goneMs === undefined) return 'never, as things stand'
  return goneMs <= nowMs
    ? 'with the next expiry, if anything is left'
    : `by ${formatTime(goneMs).slice(0, 10)}`
}
