/** Who holds what: numbered objects for each id, of which the highest counts. */
import { Fault } from '../base/fault.ts'
import { encodeHoldRecord, parseHoldRecord, type HoldRecord } from './format/hold-record.ts'
import { holdFolder, holdsPrefix, numberedKey } from './layout.ts'
import { readHighest } from './numbered-objects.ts'
import { writeOnce } from './objects.ts'
import type { Repository } from './repository.ts'

/** What is held now, by id. Fails when one can not be read: nobody knows then what may be removed. */
export async function readHolds(
  repository: Repository,
  nowMs: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, HoldRecord>> {
  const prefix = holdsPrefix(repository.identity.cluster)
  const ids = new Set<string>()
  for await (const { key } of repository.storage.list(prefix, signal)) {
    const [, id] = /^([^/]+)\/\d{8}\.json$/.exec(key.slice(prefix.length)) ?? []
    if (id !== undefined) ids.add(id)
  }
  const holds = new Map<string, HoldRecord>()
  for (const id of ids) {
    const hold = await readHold(repository, id, signal)
    if (hold && isHeld(hold, nowMs)) holds.set(id, hold)
  }
  return holds
}

export const isHeld = ({ held, until }: HoldRecord, nowMs: number): boolean =>
  held && (until === null || Date.parse(until) > nowMs)

/** The last word on it, also when it was released; undefined: nobody ever held it. */
export async function readHold(
  { storage, identity }: Repository,
  id: string,
  signal: AbortSignal,
): Promise<HoldRecord | undefined> {
  const newest = await readHighest(storage, holdFolder(identity.cluster, id), parseHoldRecord, signal)
  if (!newest) return undefined
  const { value, number } = newest
  if (value.id === id && value.cluster === identity.cluster && value.number === number) return value
  throw new Fault('OBJECT_CORRUPT', `the hold ${String(number)} of ${id} is that of another backup`, {
    hint: 'Find out who moved objects inside the repository, and move this one back.',
  })
}

/** Says something new about it. */
export async function writeHold(
  repository: Repository,
  hold: Omit<HoldRecord, 'format' | 'cluster' | 'number'>,
  signal: AbortSignal,
): Promise<HoldRecord> {
  const { storage, identity } = repository
  const folder = holdFolder(identity.cluster, hold.id)
  const before = await readHighest(storage, folder, parseHoldRecord, signal)
  const number = (before?.number ?? 0) + 1
  const record: HoldRecord = { format: 1, cluster: identity.cluster, number, ...hold }
  if ((await writeOnce(storage, numberedKey(folder, number), encodeHoldRecord(record), signal)) !== 'other')
    return record
  throw new Fault('REPOSITORY_LOCKED', `somebody else changed the hold on ${hold.id} at the same moment`, {
    hint: 'Look with holdfast show what it is now, and run it again.',
  })
}
