/**
 * Finishes what a note says: what is left of backups and dumps whose records are gone, and what lies outside of the
 * repository. The index first, so that nobody is sent to data that goes; the note last.
 */
import { isFault } from '../../base/fault.ts'
import { deleteFolder } from '../../repository/backup-folders.ts'
import { dropFromIndex } from '../../repository/catalog-index.ts'
import { dropFromDrillIndex } from '../../repository/drill-catalog.ts'
import { dropFromDumpIndex } from '../../repository/dump-index.ts'
import { dropExpiryNote } from '../../repository/expiry-notes.ts'
import { folderStates } from '../../repository/folder-states.ts'
import type { ExpiryNote, OutsideSnapshot } from '../../repository/format/expiry-note.ts'
import {
  backupIdPattern,
  drillIdPattern,
  dumpIdPattern,
  managedIdPattern,
} from '../../repository/format/values.ts'
import { readManaged } from '../../repository/managed-records.ts'
import type { Repository } from '../../repository/repository.ts'
import { backupShelf, drillShelf, dumpShelf, type Shelf } from '../../repository/shelf.ts'

/** What lies outside of the repository, and who else may need it. */
export interface Outside {
  /** Undefined when it is gone. Else why it has to stay for now, as a sentence's end. */
  remove(snapshot: OutsideSnapshot, signal: AbortSignal): Promise<string | undefined>
}

export interface ExpireProblem {
  readonly what: string
  readonly code: string
  readonly message: string
}

export interface Settled {
  /** What is gone now. */
  readonly ids: readonly string[]
  readonly problems: readonly ExpireProblem[]
}

export async function settle(
  repository: Repository,
  note: ExpiryNote,
  outside: Outside,
  signal: AbortSignal,
): Promise<Settled> {
  const gone = await goneOf(repository, note, signal)
  const problems: ExpireProblem[] = []
  const tried = async (what: string, work: () => Promise<string | undefined>): Promise<void> => {
    try {
      const why = await work()
      if (why !== undefined) problems.push({ what, code: 'SNAPSHOT_LEFT', message: why })
    } catch (error) {
      signal.throwIfAborted()
      if (!isFault(error)) throw error
      problems.push({ what, code: error.code, message: error.message })
    }
  }
  await dropFromIndexes(repository, gone, signal)
  for (const id of gone) {
    const shelf = folderShelfOf(id)
    if (shelf)
      await tried(`what is left of ${id}`, async () => {
        await deleteFolder(repository, id, signal, shelf)
        return undefined
      })
  }
  for (const snapshot of note.outside)
    if (gone.includes(snapshot.id))
      await tried(`snapshot ${snapshot.reference} of ${snapshot.id}`, () => outside.remove(snapshot, signal))
  if (problems.length === 0) await dropExpiryNote(repository, note, signal)
  return { ids: gone, problems }
}

/** Whoever reads is sent to them no more. Fails when an index could not be written. */
export async function dropFromIndexes(
  repository: Repository,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  await dropFromIndex(
    repository,
    ids.filter(id => backupIdPattern.test(id)),
    signal,
  )
  await dropFromDumpIndex(
    repository,
    ids.filter(id => dumpIdPattern.test(id)),
    signal,
  )
  await dropFromDrillIndex(
    repository,
    ids.filter(id => drillIdPattern.test(id)),
    signal,
  )
}

/** Of those that the note names: whose records are not there (any more). The others were not come to, and are judged anew. */
async function goneOf(
  repository: Repository,
  { ids }: ExpiryNote,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const there = new Set<string>()
  for (const shelf of shelves) {
    const own = ids.filter(id => folderShelfOf(id) === shelf)
    for (const { id, state } of await folderStates(repository, own, signal, shelf))
      if (state !== 'incomplete') there.add(id)
  }
  for (const id of ids)
    if (managedIdPattern.test(id) && (await readManaged(repository, id, signal))) there.add(id)
  return ids.filter(id => !there.has(id))
}

const shelves: readonly Shelf[] = [backupShelf, dumpShelf, drillShelf]

export const folderShelfOf = (id: string): Shelf | undefined =>
  shelves.find(({ idPattern }) => idPattern.test(id))
