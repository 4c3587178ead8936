/**
 * The index of a shelf, of backups or of dumps: small immutable objects that say what stands there, so that no command has to
 * list it all. The newest counts; what came later is found behind the last folder that it knows.
 *
 * It is a cache. A commit is safe without it, what it misses is found by whoever looks at everything, and what it names is
 * looked at itself before anything is done with it.
 */
import { isFault, type Fault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { listBackupFolders } from './backup-folders.ts'
import { folderStates, foldersAfter, type FolderState } from './folder-states.ts'
import type { ShelfIndex } from './format/catalog-index.ts'
import { idTimeMs, numberedKey } from './layout.ts'
import { deleteBelow, highestNumber } from './numbered-objects.ts'
import { readWhole, writeOnce } from './objects.ts'
import type { Repository } from './repository.ts'
import type { Shelf } from './shelf.ts'
import type { DamagedBackup } from './stored-records.ts'

export interface Named {
  readonly id: string
}

/** A shelf, and how its index is stored and made. */
export interface IndexedShelf<Summary extends Named> {
  readonly shelf: Shelf
  /** Where the index lies; without a `/` at its end. */
  readonly folder: (cluster: string) => string
  readonly encode: (index: ShelfIndex<Summary>) => Uint8Array
  readonly parse: (bytes: Uint8Array, what: string) => ShelfIndex<Summary>
  /** Of those that are gone nothing is told. */
  readonly readAll: (
    repository: Repository,
    ids: readonly string[],
    signal: AbortSignal,
  ) => Promise<{ readonly summaries: readonly Summary[]; readonly damaged: readonly DamagedBackup[] }>
}

/** What the index says, and what came since. */
export interface KnownOnShelf<Summary> {
  readonly entries: readonly Summary[]
  readonly damaged: readonly DamagedBackup[]
  /** Folders that are no backups or dumps (yet). */
  readonly unfinished: readonly FolderState[]
}

/** The newest index, whether or not it can be used. */
export interface StoredIndex<Summary> {
  /** 0: there is none. */
  readonly number: number
  readonly index: ShelfIndex<Summary> | undefined
  readonly fault: Fault | undefined
}

/** Somebody else may write one, and delete the one that was found, at any moment. */
const attemptsMax = 10

export async function readIndex<Summary extends Named>(
  kind: IndexedShelf<Summary>,
  repository: Repository,
  signal: AbortSignal,
): Promise<StoredIndex<Summary>> {
  const { storage, identity } = repository
  const folder = kind.folder(identity.cluster)
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    const number = await highestNumber(storage, folder, signal)
    if (number === 0) break
    const key = numberedKey(folder, number)
    const bytes = await readWhole(storage, key, limits.recordSizeBytesMax, signal)
    if (bytes) return { number, ...readAs(kind, identity.cluster, number, bytes, key) }
  }
  return { number: 0, index: undefined, fault: undefined }
}

function readAs<Summary extends Named>(
  kind: IndexedShelf<Summary>,
  cluster: string,
  number: number,
  bytes: Uint8Array,
  key: string,
): Omit<StoredIndex<Summary>, 'number'> {
  try {
    const index = kind.parse(bytes, key)
    const isOwn = index.cluster === cluster && index.number === number
    return { index: isOwn ? index : undefined, fault: undefined }
  } catch (error) {
    if (isFault(error, 'OBJECT_CORRUPT', 'REPOSITORY_FORMAT')) return { index: undefined, fault: error }
    throw error
  }
}

/** A handful of requests, and one or two for each folder that is newer than the index. Undefined when there is no usable index. */
export async function knownOnShelf<Summary extends Named>(
  kind: IndexedShelf<Summary>,
  repository: Repository,
  signal: AbortSignal,
): Promise<KnownOnShelf<Summary> | undefined> {
  const { index } = await readIndex(kind, repository, signal)
  if (!index) return undefined
  const last = lastOf(index)
  const states = await statesSince(kind, repository, index, last, signal)
  return areThere(last, states) ? withNewer(kind, repository, index, states, signal) : undefined
}

/** The newest one is looked at itself: when it was taken away behind our back, the index is not to be trusted. */
function lastOf({ entries }: ShelfIndex<Named>): readonly string[] {
  return idsOf(entries.slice(-1))
}

function areThere(ids: readonly string[], states: readonly FolderState[]): boolean {
  return ids.every(id => states.some(folder => folder.id === id && folder.state === 'committed'))
}

/** Of the folders that the index does not name, only those behind its last one are seen, and those that are asked for. */
async function statesSince(
  { shelf }: Pick<IndexedShelf<Named>, 'shelf'>,
  repository: Repository,
  { others, through }: ShelfIndex<Named>,
  asked: readonly string[],
  signal: AbortSignal,
): Promise<readonly FolderState[]> {
  const early = asked.filter(id => through !== null && id <= through)
  const [old, newer] = await Promise.all([
    folderStates(repository, [...new Set([...others, ...early])], signal, shelf),
    foldersAfter(repository, through ?? undefined, signal, shelf),
  ])
  return [...old, ...newer]
}

/** Reads the records of those that the index does not know. */
async function withNewer<Summary extends Named>(
  kind: IndexedShelf<Summary>,
  repository: Repository,
  index: Pick<ShelfIndex<Summary>, 'entries'>,
  states: readonly FolderState[],
  signal: AbortSignal,
): Promise<KnownOnShelf<Summary>> {
  const known = new Set(idsOf(index.entries))
  const committed = states.filter(({ id, state }) => state === 'committed' && !known.has(id))
  const { summaries, damaged } = await kind.readAll(repository, idsOf(committed), signal)
  return {
    entries: [...index.entries, ...summaries],
    damaged,
    unfinished: states.filter(({ state }) => state !== 'committed'),
  }
}

/** Sees to it that readers find what was just committed, and at little cost. */
export function indexCommitted<Summary extends Named>(
  kind: IndexedShelf<Summary>,
  repository: Repository,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  const change = { come: [id], gone: [] }
  return quietly(() => rewrite(kind, repository, index => needFor(index, id), change, signal))
}

/** A copy that waits for its WAL is looked at again by readers; behind the last known folder they find it anyway. */
export function indexAwaiting<Summary extends Named>(
  kind: IndexedShelf<Summary>,
  repository: Repository,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  const need = ({ others, through }: ShelfIndex<Named>): Need =>
    through !== null && id <= through && !others.includes(id) ? 'now' : 'none'
  return quietly(async () => {
    if ((await readIndex(kind, repository, signal)).index)
      await rewrite(kind, repository, need, { come: [id], gone: [] }, signal)
  })
}

/** After some were deleted: they are not offered any more. */
export function indexDeleted<Summary extends Named>(
  kind: IndexedShelf<Summary>,
  repository: Repository,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  return quietly(() => dropFromIndex(kind, repository, ids, signal))
}

/** The same, and fails when the index could not be written: before data is deleted, nobody may be sent to it. */
export async function dropFromIndex<Summary extends Named>(
  kind: IndexedShelf<Summary>,
  repository: Repository,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const gone = new Set(ids)
  const need = ({ entries }: ShelfIndex<Named>): Need =>
    entries.some(({ id }) => gone.has(id)) ? 'now' : 'none'
  // Where there is no index, nobody is misled, and the next commit makes one.
  if (gone.size > 0 && (await readIndex(kind, repository, signal)).index)
    await rewrite(kind, repository, need, { come: [], gone: ids }, signal)
}

/** Whatever the index says now: made anew from what is there. */
export async function rebuildIndex<Summary extends Named>(
  kind: IndexedShelf<Summary>,
  repository: Repository,
  signal: AbortSignal,
): Promise<void> {
  const { number } = await readIndex(kind, repository, signal)
  const change = { come: [], gone: [] }
  const next = await nextIndex(kind, repository, { number, index: undefined }, change, signal)
  await write(kind, repository, next, signal)
}

/** Whether the next index has to be written. */
type Need = 'now' | 'when many are newer' | 'none'

/** What was committed or deleted a moment ago. */
interface Change {
  readonly come: readonly string[]
  readonly gone: readonly string[]
}

/** One that is older than the last known folder would not be found by looking behind that. */
function needFor({ entries, through }: ShelfIndex<Named>, id: string): Need {
  if (entries.some(entry => entry.id === id)) return 'none'
  return through !== null && id <= through ? 'now' : 'when many are newer'
}

/**
 * Each index is a whole one, so with many entries not every commit writes one: where old ones can not be deleted, their
 * sizes add up. What is gone does not wait.
 */
function canWait({ entries }: ShelfIndex<Named>, next: ShelfIndex<Named>): boolean {
  const [old, fresh] = [new Set(idsOf(entries)), new Set(idsOf(next.entries))]
  const newerMax = Math.min(limits.catalogNewerMax, Math.floor(entries.length / 64))
  return old.isSubsetOf(fresh) && fresh.size - old.size <= newerMax
}

/**
 * Writes the next index when the newest one is found wanting, and looks again: two writers at the same time get two
 * numbers, and the one who was slower begins anew from what the other wrote.
 */
async function rewrite<Summary extends Named>(
  kind: IndexedShelf<Summary>,
  repository: Repository,
  needOf: (index: ShelfIndex<Summary>) => Need,
  change: Change,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    const { number, index } = await readIndex(kind, repository, signal)
    const need = index ? needOf(index) : 'now'
    if (need === 'none') return
    const next = await nextIndex(kind, repository, { number, index }, change, signal)
    if (need === 'when many are newer' && index && canWait(index, next)) return
    await write(kind, repository, next, signal)
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

async function write<Summary extends Named>(
  kind: IndexedShelf<Summary>,
  { storage, identity }: Repository,
  index: ShelfIndex<Summary>,
  signal: AbortSignal,
): Promise<void> {
  const folder = kind.folder(identity.cluster)
  const outcome = await writeOnce(storage, numberedKey(folder, index.number), kind.encode(index), signal)
  // The one before stays for who is about to read it.
  if (outcome !== 'other') await deleteBelow(storage, folder, index.number - 1, signal)
}

/** Now and then everything is looked at, so that what was missed does not stay missed. */
const rebuiltEach = 16

async function nextIndex<Summary extends Named>(
  kind: IndexedShelf<Summary>,
  repository: Repository,
  { number, index }: Pick<StoredIndex<Summary>, 'number' | 'index'>,
  { come, gone }: Change,
  signal: AbortSignal,
): Promise<ShelfIndex<Summary>> {
  const last = index ? lastOf(index).filter(id => !gone.includes(id)) : []
  const isTurn = index === undefined || (number + 1) % rebuiltEach === 0
  const since = isTurn ? undefined : await statesSince(kind, repository, index, [...come, ...last], signal)
  const isAnew = since === undefined || !areThere(last, since)
  const states = isAnew ? await Array.fromAsync(listBackupFolders(repository, signal, kind.shelf)) : since
  const there = new Set(idsOf(states.filter(({ state }) => state === 'committed')))
  const kept = (index?.entries ?? []).filter(({ id }) => !gone.includes(id) && (!isAnew || there.has(id)))
  const present = states.filter(({ id }) => !gone.includes(id))
  const known = await withNewer(kind, repository, { entries: kept }, present, signal)
  const { entries, damaged, unfinished } = known
  const through = [index?.through ?? '', ...idsOf(states)].reduce((a, b) => (a > b ? a : b))
  const isFresh = ({ id }: FolderState): boolean =>
    idTimeMs(id) > idTimeMs(through) - limits.catalogOthersMsMax
  return {
    format: 1,
    cluster: repository.identity.cluster,
    number: number + 1,
    through: through === '' ? null : through,
    entries: entries.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    others: [...idsOf(unfinished.filter(isFresh)), ...idsOf(damaged)].sort(),
  }
}

const idsOf = (named: readonly Named[]): string[] => named.map(({ id }) => id)

export interface IndexTroubles {
  /** It is damaged. */
  readonly fault: Fault | undefined
  /** What it misses, or says too much, compared with what there is. */
  readonly notes: readonly string[]
}

/** None is no trouble: listing takes longer. */
export async function troublesOfIndex<Summary extends Named>(
  kind: IndexedShelf<Summary>,
  repository: Repository,
  all: readonly Named[],
  signal: AbortSignal,
): Promise<IndexTroubles> {
  const { word } = kind.shelf
  const { index, fault } = await readIndex(kind, repository, signal)
  if (!index) return { fault, notes: [] }
  const there = new Set(idsOf(all))
  const named = new Set([...idsOf(index.entries), ...index.others])
  const missed = all.filter(({ id }) => !named.has(id) && index.through !== null && id <= index.through)
  const lost = index.entries.filter(({ id }) => !there.has(id))
  const notes = [
    ...missed.map(({ id }) => `it does not know the ${word} ${id}`),
    ...lost.map(({ id }) => `it names the ${word} ${id}, which is not there`),
  ]
  return { fault, notes }
}
