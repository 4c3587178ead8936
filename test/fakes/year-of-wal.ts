/**
 * A repository in object storage with a year of WAL, made up as it is asked for: half a million segments, of which each
 * tells one commit. Nothing in it can be opened.
 */
import { generateIdentity } from '../../src/pipeline/age.ts'
import { walKey, walNameOf } from '../../src/repository/layout.ts'
import type { Repository } from '../../src/repository/repository.ts'
import { encodeWalFile, openWalStore, type WalStore } from '../../src/repository/wal-store.ts'
import type { WalHead } from '../../src/repository/format/wal-head.ts'
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts'
import type { ObjectInfo, Storage } from '../../src/storage/storage.ts'
import { formatLsn, type Lsn } from '../../src/wal/lsn.ts'
import { historyName, parseSegmentName, segmentName } from '../../src/wal/segment.ts'
import { isoMicros, type Micros } from '../../src/wal/time.ts'
import { systemWorld } from '../../src/base/world.ts'
import { countRequests } from './counting-storage.ts'

export const segmentSizeBytes = 16 * 1024 * 1024
export const segmentCount = 500_000
/** Timeline 2 goes on from here, and timeline 3 from there. */
const branches = [
  { timeline: 1, first: 1, last: 299_999 },
  { timeline: 2, first: 300_000, last: 489_999 },
  { timeline: 3, first: 490_000, last: segmentCount },
] as const

const startedAt = Date.UTC(2026, 0, 1) * 1000
const microsOfSegment = (365 * 86_400 * 1_000_000) / segmentCount

export const lsnOf = (number: number): Lsn => BigInt(number) * BigInt(segmentSizeBytes)
export const timeOf = (number: number): Micros => Math.floor(startedAt + number * microsOfSegment)
export const timelineAt = (number: number): number =>
  branches.find(({ last }) => number <= last)?.timeline ?? 1

export interface YearOfWal {
  readonly wal: WalStore
  readonly total: () => number
  readonly lists: () => number
}

export async function makeYearOfWal(): Promise<YearOfWal> {
  const { recipient } = await generateIdentity()
  const encoding = { level: 1, recipients: [recipient] }
  const headOf = (name: string): WalHead => {
    const base = { name, sizeBytes: 0, sha256: '0'.repeat(64) }
    if (name.endsWith('.history')) return { ...base, ancestors: ancestorsOf(Number.parseInt(name, 16)) }
    const time = isoMicros(timeOf(Number(parseSegmentName(name, segmentSizeBytes).number)))
    return { ...base, systemIdentifier: '7481', commits: { count: 1, earliest: time, latest: time } }
  }
  const storage: Storage = {
    ...openMemoryStorage(systemWorld().clock),
    async *get(key) {
      const name = walNameOf('gathr', key) ?? ''
      const { pieces } = await encodeWalFile(
        { name, open: async function* () {}, head: () => headOf(name) },
        encoding,
      )
      yield Buffer.concat(pieces)
    },
    async *list(what) {
      const { prefix, after = '' } = typeof what === 'string' ? { prefix: what } : what
      for (const key of keysFrom(after > prefix ? after : prefix)) {
        if (key <= after || key < prefix) continue
        if (!key.startsWith(prefix)) return
        yield infoOf(key)
      }
    },
  }
  const counted = countRequests(storage)
  const identity = {
    cluster: 'gathr',
    systemIdentifier: '7481',
    postgresMajor: 15,
    walSegmentSizeBytes: segmentSizeBytes,
  }
  const repository: Repository = { storage: counted.storage, identity, id: 'year' }
  return {
    wal: openWalStore(repository, { encoding, identities: [] }),
    total: () => counted.total(),
    lists: () => counted.requests.list,
  }
}

function ancestorsOf(timeline: number): NonNullable<WalHead['ancestors']> {
  return branches
    .filter(branch => branch.timeline < timeline)
    .map(branch => ({ timeline: branch.timeline, endLsn: formatLsn(lsnOf(branch.last + 1)) }))
}

/** In order, from about this key on: as if by an index. */
function* keysFrom(start: string): Iterable<string> {
  const suffix = '.zst.age'
  for (const { timeline, first, last } of branches) {
    if (timeline > 1) yield walKey('gathr', historyName(timeline), suffix)
    const keyOf = (number: number): string =>
      walKey('gathr', segmentName({ timeline, number: BigInt(number) }, segmentSizeBytes), suffix)
    let [low, high] = [first, last + 1]
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (keyOf(middle) < start) low = middle + 1
      else high = middle
    }
    for (let number = low; number <= last; number++) yield keyOf(number)
  }
}

const infoOf = (key: string): ObjectInfo => ({ key, sizeBytes: 1000, modifiedMs: 0 })
