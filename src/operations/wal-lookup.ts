/** Looks into the WAL of one way through the timelines: the heads in the clear, and with a key the records themselves. */
import { Fault, isFault } from '../base/fault.ts'
import { crc32c } from '../pipeline/crc32c.ts'
import { readWalEvents } from '../postgres/wal-records/read-events.ts'
import { nameOnPath, type TimelinePath } from '../policy/timeline-path.ts'
import type { WalHead } from '../repository/format/wal-head.ts'
import type { WalStore } from '../repository/wal-store.ts'
import type { ReadEvent } from '../wal/events.ts'
import type { Lsn } from '../wal/lsn.ts'
import { parseTime, type Micros } from '../wal/time.ts'

export interface CommitSpan {
  readonly earliest: Micros
  readonly latest: Micros
}

export interface WalLookup {
  /** When transactions ended in a segment; undefined when none did, or when its head is damaged: see `damaged`. */
  commitsIn(place: SegmentOnPath): Promise<CommitSpan | undefined>
  /** Segments whose heads were asked for and are damaged. Only who needs the segment has to give up for it. */
  readonly damaged: ReadonlyMap<string, Fault>
  /** What happens in consecutive segments. Throws KEY_MISSING where they are encrypted and there is no identity. */
  events(places: Iterable<SegmentOnPath>, watchLsn?: Lsn): AsyncIterable<ReadEvent>
}

export interface SegmentOnPath {
  readonly path: TimelinePath
  readonly number: bigint
  readonly isPartial: boolean
}

export function openWalLookup(
  wal: Pick<WalStore, 'get' | 'head'>,
  segmentSizeBytes: number,
  signal: AbortSignal,
): WalLookup {
  const known = new Map<string, CommitSpan | undefined>()
  const damaged = new Map<string, Fault>()
  const nameOf = ({ path, number, isPartial }: SegmentOnPath): string =>
    nameOnPath(path, number, segmentSizeBytes) + (isPartial ? '.partial' : '')
  const look = async (name: string): Promise<CommitSpan | undefined> => {
    try {
      return spanOf((await wal.head(name, signal)) ?? vanished(name), name)
    } catch (error) {
      if (!isFault(error, 'OBJECT_CORRUPT')) throw error
      damaged.set(name, error)
      return undefined
    }
  }
  return {
    damaged,
    async commitsIn(place) {
      const name = nameOf(place)
      if (!known.has(name)) known.set(name, await look(name))
      return known.get(name)
    },
    events(places, watchLsn) {
      const segments = async function* (): AsyncIterable<Uint8Array> {
        for (const place of places) {
          const name = nameOf(place)
          yield (await wal.get(name, signal)) ?? vanished(name)
        }
      }
      return readWalEvents(segments(), { watchLsn, crc32c })
    },
  }
}

/** Runs `work`; undefined when it needs a key and there is none, or what is to be read has to be thawed first. */
export async function unlessSealed<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (isFault(error, 'KEY_MISSING', 'OBJECT_COLD')) return undefined
    throw error
  }
}

function spanOf({ commits }: WalHead, name: string): CommitSpan | undefined {
  if (!commits) return undefined
  const [earliest, latest] = [parseTime(commits.earliest), parseTime(commits.latest)]
  if (earliest !== undefined && latest !== undefined) return { earliest, latest }
  throw new Fault('OBJECT_CORRUPT', `the times in the head of ${name} can not be read`, {
    hint: 'Run `holdfast verify` to see what else is damaged.',
  })
}

function vanished(name: string): never {
  throw new Fault('OBJECT_MISSING', `${name} was listed in the repository and is gone`, {
    hint: 'Find out what deletes from the repository, then try again.',
  })
}
