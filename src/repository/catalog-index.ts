/**
 * The index of the catalogue: small immutable objects that say which backups there are, so that no command has to list
 * them all. The newest counts; what came later is found behind the last folder that it knows.
 *
 * It is a cache. A commit is safe without it, a backup that it misses is found by whoever looks at everything, and one
 * that it names is looked at itself before anything is done with it.
 */
import { isFault, type Fault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { encodeCatalogIndex, parseCatalogIndex, type CatalogIndex } from './format/catalog-index.ts'
import { summaryOf, type BackupSummary } from './format/backup-summary.ts'
import { listBackupFolders } from './backup-folders.ts'
import { folderStates, foldersAfter, type FolderState } from './folder-states.ts'
import { catalogFolder, commitName, idTimeMs, numberedKey } from './layout.ts'
import { deleteBelow, highestNumber } from './numbered-objects.ts'
import { readWhole, writeOnce } from './objects.ts'
import type { Repository } from './repository.ts'
import { readRecords, type DamagedBackup } from './stored-records.ts'

/** What the index says, and what came since. */
export interface KnownBackups {
  readonly backups: readonly BackupSummary[]
  readonly damaged: readonly DamagedBackup[]
  /** Folders that are no backups (yet). */
  readonly unfinished: readonly FolderState[]
}

/** The newest index, whether or not it can be used. */
export interface StoredIndex {
  /** 0: there is none. */
  readonly number: number
  readonly index: CatalogIndex | undefined
  readonly fault: Fault | undefined
}

/** Somebody else may write one, and delete the one that was found, at any moment. */
const attemptsMax = 10

export async function readIndex(repository: Repository, signal: AbortSignal): Promise<StoredIndex> {
  const { storage, identity } = repository
  const folder = catalogFolder(identity.cluster)
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    const number = await highestNumber(storage, folder, signal)
    if (number === 0) break
    const key = numberedKey(folder, number)
    const bytes = await readWhole(storage, key, limits.recordSizeBytesMax, signal)
    if (bytes) return { number, ...readAs(identity.cluster, number, bytes, key) }
  }
  return { number: 0, index: undefined, fault: undefined }
}

function readAs(
  cluster: string,
  number: number,
  bytes: Uint8Array,
  key: string,
): Omit<StoredIndex, 'number'> {
  try {
    const index = parseCatalogIndex(bytes, key)
    const isOwn = index.cluster === cluster && index.number === number
    return { index: isOwn ? index : undefined, fault: undefined }
  } catch (error) {
    if (isFault(error, 'OBJECT_CORRUPT', 'REPOSITORY_FORMAT')) return { index: undefined, fault: error }
    throw error
  }
}

/** A handful of requests, and one or two for each backup that is newer than the index. Undefined when there is no usable index. */
export async function knownBackups(
  repository: Repository,
  signal: AbortSignal,
): Promise<KnownBackups | undefined> {
  const { index } = await readIndex(repository, signal)
  if (!index) return undefined
  const last = lastOf(index)
  const states = await statesSince(repository, index, last, signal)
  return areThere(last, states) ? withNewer(repository, index, states, signal) : undefined
}

/** The newest backup is looked at itself: when it was taken away behind our back, the index is not to be trusted. */
function lastOf({ backups }: CatalogIndex): readonly string[] {
  return idsOf(backups.slice(-1))
}

function areThere(ids: readonly string[], states: readonly FolderState[]): boolean {
  return ids.every(id => states.some(folder => folder.id === id && folder.state === 'committed'))
}

/** Of the folders that the index does not name, only those behind its last one are seen, and those that are asked for. */
async function statesSince(
  repository: Repository,
  { others, through }: CatalogIndex,
  asked: readonly string[],
  signal: AbortSignal,
): Promise<readonly FolderState[]> {
  const early = asked.filter(id => through !== null && id <= through)
  const [old, newer] = await Promise.all([
    folderStates(repository, [...new Set([...others, ...early])], signal),
    foldersAfter(repository, through ?? undefined, signal),
  ])
  return [...old, ...newer]
}

/** Reads the records of those that the index does not know. */
async function withNewer(
  repository: Repository,
  index: Pick<CatalogIndex, 'backups'>,
  states: readonly FolderState[],
  signal: AbortSignal,
): Promise<KnownBackups> {
  const known = new Set(index.backups.map(({ id }) => id))
  const committed = states.filter(({ id, state }) => state === 'committed' && !known.has(id))
  const { records, damaged } = await readRecords(repository, idsOf(committed), commitName, signal)
  return {
    backups: [...index.backups, ...records.map(summaryOf)],
    damaged,
    unfinished: states.filter(({ state }) => state !== 'committed'),
  }
}

/** Sees to it that readers find a backup that was just committed, and at little cost. */
export function indexCommitted(repository: Repository, id: string, signal: AbortSignal): Promise<void> {
  return quietly(() => rewrite(repository, index => needFor(index, id), { come: [id], gone: [] }, signal))
}

/** A copy that waits for its WAL is looked at again by readers; behind the last known folder they find it anyway. */
export function indexAwaiting(repository: Repository, id: string, signal: AbortSignal): Promise<void> {
  const need = ({ others, through }: CatalogIndex): Need =>
    through !== null && id <= through && !others.includes(id) ? 'now' : 'none'
  return quietly(async () => {
    if ((await readIndex(repository, signal)).index)
      await rewrite(repository, need, { come: [id], gone: [] }, signal)
  })
}

/** After backups were deleted: they are not offered any more. */
export function indexDeleted(
  repository: Repository,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const need = ({ backups }: CatalogIndex): Need =>
    backups.some(({ id }) => ids.includes(id)) ? 'now' : 'none'
  return quietly(() => rewrite(repository, need, { come: [], gone: ids }, signal))
}

/** Whatever the index says now: made anew from what is there. */
export async function rebuildIndex(repository: Repository, signal: AbortSignal): Promise<void> {
  const { number } = await readIndex(repository, signal)
  const change = { come: [], gone: [] }
  await write(repository, await nextIndex(repository, { number, index: undefined }, change, signal), signal)
}

/** Whether the next index has to be written. */
type Need = 'now' | 'when many are newer' | 'none'

/** Backups that were committed or deleted a moment ago. */
interface Change {
  readonly come: readonly string[]
  readonly gone: readonly string[]
}

/** A backup that is older than the last known folder would not be found by looking behind that. */
function needFor({ backups, through }: CatalogIndex, id: string): Need {
  if (backups.some(backup => backup.id === id)) return 'none'
  return through !== null && id <= through ? 'now' : 'when many are newer'
}

/**
 * Each index is a whole one, so with many backups not every commit writes one: where old ones can not be deleted, their
 * sizes add up. What is gone does not wait.
 */
function canWait({ backups }: CatalogIndex, next: CatalogIndex): boolean {
  const [old, fresh] = [new Set(idsOf(backups)), new Set(idsOf(next.backups))]
  const newerMax = Math.min(limits.catalogNewerMax, Math.floor(backups.length / 64))
  return old.isSubsetOf(fresh) && fresh.size - old.size <= newerMax
}

/**
 * Writes the next index when the newest one is found wanting, and looks again: two writers at the same time get two
 * numbers, and the one who was slower begins anew from what the other wrote.
 */
async function rewrite(
  repository: Repository,
  needOf: (index: CatalogIndex) => Need,
  change: Change,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    const { number, index } = await readIndex(repository, signal)
    const need = index ? needOf(index) : 'now'
    if (need === 'none') return
    const next = await nextIndex(repository, { number, index }, change, signal)
    if (need === 'when many are newer' && index && canWait(index, next)) return
    await write(repository, next, signal)
  }
}

/** What was done is done, with or without the index. */
async function quietly(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!isFault(error)) throw error
  }
}

async function write(repository: Repository, index: CatalogIndex, signal: AbortSignal): Promise<void> {
  const { storage, identity } = repository
  const folder = catalogFolder(identity.cluster)
  const outcome = await writeOnce(
    storage,
    numberedKey(folder, index.number),
    encodeCatalogIndex(index),
    signal,
  )
  // The one before stays for who is about to read it.
  if (outcome !== 'other') await deleteBelow(storage, folder, index.number - 1, signal)
}

/** Now and then everything is looked at, so that what was missed does not stay missed. */
const rebuiltEach = 16

async function nextIndex(
  repository: Repository,
  { number, index }: Pick<StoredIndex, 'number' | 'index'>,
  { come, gone }: Change,
  signal: AbortSignal,
): Promise<CatalogIndex> {
  const last = index ? lastOf(index).filter(id => !gone.includes(id)) : []
  const isTurn = index === undefined || (number + 1) % rebuiltEach === 0
  const since = isTurn ? undefined : await statesSince(repository, index, [...come, ...last], signal)
  const isAnew = since === undefined || !areThere(last, since)
  const states = isAnew ? await Array.fromAsync(listBackupFolders(repository, signal)) : since
  const there = new Set(idsOf(states.filter(({ state }) => state === 'committed')))
  const kept = (index?.backups ?? []).filter(({ id }) => !gone.includes(id) && (!isAnew || there.has(id)))
  const present = states.filter(({ id }) => !gone.includes(id))
  const { backups, damaged, unfinished } = await withNewer(repository, { backups: kept }, present, signal)
  const through = [index?.through ?? '', ...idsOf(states)].reduce((a, b) => (a > b ? a : b))
  const isFresh = ({ id }: FolderState): boolean =>
    idTimeMs(id) > idTimeMs(through) - limits.catalogOthersMsMax
  return {
    format: 1,
    cluster: repository.identity.cluster,
    number: number + 1,
    through: through === '' ? null : through,
    backups: backups.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    others: [...idsOf(unfinished.filter(isFresh)), ...idsOf(damaged)].sort(),
  }
}

const idsOf = (folders: readonly { readonly id: string }[]): string[] => folders.map(({ id }) => id)

export interface IndexTroubles {
  /** It is damaged. */
  readonly fault: Fault | undefined
  /** What it misses, or says too much, compared with the backups that there are. */
  readonly notes: readonly string[]
}

/** None is no trouble: listing takes longer. */
export async function troublesOfIndex(
  repository: Repository,
  backups: readonly BackupSummary[],
  signal: AbortSignal,
): Promise<IndexTroubles> {
  const { index, fault } = await readIndex(repository, signal)
  if (!index) return { fault, notes: [] }
  const there = new Set(idsOf(backups))
  const named = new Set([...idsOf(index.backups), ...index.others])
  const missed = backups.filter(({ id }) => !named.has(id) && index.through !== null && id <= index.through)
  const lost = index.backups.filter(({ id }) => !there.has(id))
  const notes = [
    ...missed.map(({ id }) => `it does not know the backup ${id}`),
    ...lost.map(({ id }) => `it names the backup ${id}, which is not there`),
  ]
  return { fault, notes }
}
