/**
 * How much would be lost if the server were lost now: the actual RPO, of each repository by itself.
 *
 * Where the server can be asked, it is the age of its first commit that is not durable there; with none, nothing would be
 * lost, however long ago the last commit was. Else it is the age of the newest moment that can be restored: no more than
 * that would be lost, and perhaps nothing.
 */
import { inTime } from '../../base/in-time.ts'
import { limits } from '../../base/limits.ts'
import type { Clock } from '../../base/world.ts'
import { crc32c } from '../../pipeline/crc32c.ts'
import { longPageHeaderSizeBytes } from '../../postgres/wal-records/page.ts'
import { readWalEvents } from '../../postgres/wal-records/read-events.ts'
import { parseLsn, type Lsn } from '../../wal/lsn.ts'
import { segmentName } from '../../wal/segment.ts'
import { parseTime, type Micros } from '../../wal/time.ts'
import { isRestorable } from '../managed/presence.ts'
import type { PlaceFacts, SeenPlace } from './facts.ts'
import type { SeenServer, ServerSight } from './server.ts'

export interface Exposure {
  /** Undefined when nothing can be restored. */
  readonly lostMs: number | undefined
  /** So much at most: the server was not asked, or does not tell. */
  readonly isUpperBound: boolean
}

type Asking = Pick<SeenPlace, 'systemIdentifier' | 'windows' | 'managed' | 'dumps'>

/** By the name of the repository; of those that can be seen. */
export async function exposuresOf(
  places: readonly PlaceFacts[],
  server: ServerSight | undefined,
  clock: Pick<Clock, 'now' | 'sleep'>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Exposure>> {
  const seen = places.filter(place => place.fault === undefined)
  const look = lookerInto(server, clock, signal)
  const entries = seen.map(async (place): Promise<[string, Exposure]> => [
    place.place.name,
    await exposureOf(place, server, look, clock.now()),
  ])
  return new Map(await Promise.all(entries))
}

async function exposureOf(
  place: Asking,
  asked: ServerSight | undefined,
  look: (durableLsn: Lsn) => Promise<FirstCommit>,
  hostNowMs: number,
): Promise<Exposure> {
  const server = isOfAnother(asked, place) ? undefined : asked
  const nowMs = server?.fault === undefined ? (server?.facts.nowMs ?? hostNowMs) : hostNowMs
  const newestMs = newestMomentMs(place)
  if (newestMs === undefined) return { lostMs: undefined, isUpperBound: false }
  const durableLsn = durableLsnOf(place, server)
  const first = durableLsn === undefined ? 'unknown' : await look(durableLsn)
  if (first === 'none') return { lostMs: 0, isUpperBound: false }
  const since = first === 'unknown' ? newestMs : first / 1000
  return { lostMs: Math.max(0, nowMs - since), isUpperBound: first === 'unknown' }
}

/** Its WAL has nothing to do with what lies there. */
const isOfAnother = (server: ServerSight | undefined, { systemIdentifier }: Asking): boolean =>
  server?.fault === undefined && server !== undefined && server.facts.systemIdentifier !== systemIdentifier

/** Up to where all of the server's own history can be restored. */
function durableLsnOf({ windows }: Asking, server: ServerSight | undefined): Lsn | undefined {
  if (server?.fault !== undefined || !server || server.facts.inRecovery) return undefined
  const ends = windows
    .filter(({ timeline }) => timeline === server.facts.timeline)
    .flatMap(({ to }) => parseLsn(to.lsn) ?? [])
  return ends.reduce<Lsn | undefined>(
    (best, end) => (best !== undefined && best >= end ? best : end),
    undefined,
  )
}

/** Dumps and managed snapshots hold what was there at some moment after they began; a dump of a part brings back no server. */
export function newestMomentMs({
  windows,
  managed = [],
  dumps = [],
}: Omit<Asking, 'systemIdentifier'>): number | undefined {
  const times = [
    ...windows.map(({ from, to }) => to.time ?? from.time),
    ...managed.filter(isRestorable).map(({ record }) => record.startedAt),
    ...dumps
      .filter(({ selection }) => selection.databases === 'all' && selection.contents === 'all')
      .map(({ startedAt }) => startedAt),
  ]
  const moments = times.flatMap(time => parseTime(time) ?? [])
  return moments.length === 0 ? undefined : Math.max(...moments) / 1000
}

type FirstCommit = Micros | 'none' | 'unknown'

/** Repositories most often have the same, so that the server's WAL is looked into once. */
function lookerInto(
  server: ServerSight | undefined,
  clock: Pick<Clock, 'sleep'>,
  signal: AbortSignal,
): (durableLsn: Lsn) => Promise<FirstCommit> {
  const found = new Map<Lsn, Promise<FirstCommit>>()
  return durableLsn => {
    if (server?.fault !== undefined || !server) return Promise.resolve('unknown')
    const known = found.get(durableLsn) ?? firstCommitInTime(server, durableLsn, clock, signal)
    found.set(durableLsn, known)
    return known
  }
}

async function firstCommitInTime(
  server: SeenServer,
  durableLsn: Lsn,
  clock: Pick<Clock, 'sleep'>,
  signal: AbortSignal,
): Promise<FirstCommit> {
  const late = new Error('late')
  const tooLate = new AbortController()
  try {
    const look = firstCommitBeyond(server, durableLsn, AbortSignal.any([signal, tooLate.signal]))
    return await inTime(look, clock, limits.statusServerMsMax, () => late)
  } catch (error) {
    tooLate.abort(error)
    if (error === late) return 'unknown'
    throw error
  }
}

/** In the server's own WAL, up to where it had written when it was asked. */
export async function firstCommitBeyond(
  { facts, readOwnWal }: Pick<SeenServer, 'facts' | 'readOwnWal'>,
  durableLsn: Lsn,
  signal: AbortSignal,
): Promise<FirstCommit> {
  const { lsn: writtenLsn, timeline, walSegmentSizeBytes } = facts
  if (writtenLsn <= durableLsn) return 'none'
  const sizeBytes = BigInt(walSegmentSizeBytes)
  const read = { isAllThere: false }
  const segments = async function* (): AsyncIterable<Uint8Array> {
    // A record may begin in the last durable segment and end beyond it; that one may be gone already.
    const startNumber = durableLsn / sizeBytes
    for (let number = startNumber - 1n; number * sizeBytes < writtenLsn; number++) {
      if ((number - startNumber) * sizeBytes >= limits.statusOwnWalBytesMax) return
      const wantedBytes = roundedUp(Number(writtenLsn - number * sizeBytes), walSegmentSizeBytes)
      const name = segmentName({ timeline, number }, walSegmentSizeBytes)
      const bytes = await readOwnWal(name, wantedBytes, signal)
      if (bytes && bytes.length > 0) yield bytes
      else if (number >= startNumber) return
    }
    read.isAllThere = true
  }
  for await (const event of readWalEvents(segments(), { crc32c })) {
    if (event.kind === 'commit' && event.endLsn > durableLsn && event.endLsn <= writtenLsn) return event.time
    if (event.kind !== 'end') continue
    const reachedLsn = event.lastRecord?.endLsn ?? durableLsn
    const isEnd = writtenLsn - reachedLsn <= longPageHeaderSizeBytes
    // Without trouble, what is missing is the rest of a record that is being written.
    return (read.isAllThere && event.trouble === undefined) || isEnd ? 'none' : 'unknown'
  }
  return 'unknown'
}

/** Whole pages, of any size. */
const roundedUp = (bytes: number, segmentSizeBytes: number): number =>
  Math.min(segmentSizeBytes, Math.ceil(bytes / limits.walPageSizeBytesMax) * limits.walPageSizeBytesMax)
