/**
 * Carries a plan out: a note of what goes; the records, children before parents; then all that `settle` does; then WAL, and
 * what was left unfinished long ago. So at every moment what has a record is whole, and what was cut off is found again.
 */
import { isFault } from '../../base/fault.ts'
import type { Log } from '../../base/log.ts'
import type { Progress } from '../../base/progress.ts'
import { toolName } from '../../base/version.ts'
import type { World } from '../../base/world.ts'
import { deleteFolder } from '../../repository/backup-folders.ts'
import { writeExpiryNote } from '../../repository/expiry-notes.ts'
import type { OutsideSnapshot } from '../../repository/format/expiry-note.ts'
import { commitName, managedKey } from '../../repository/layout.ts'
import { readManaged } from '../../repository/managed-records.ts'
import type { Repository } from '../../repository/repository.ts'
import { backupShelf, dumpShelf } from '../../repository/shelf.ts'
import { readRecord } from '../../repository/stored-records.ts'
import { isRemoved, type ExpireItem, type ExpirePlan } from './plan.ts'
import { settle, folderShelfOf, type ExpireProblem, type Outside } from './settle.ts'
import { removableWal, type Sparing } from './wal-removal.ts'

export interface CarryOutDeps {
  readonly repository: Repository
  readonly world: World
  readonly progress: Progress
  readonly log: Log
  readonly outside: Outside
}

export interface Removed {
  readonly ids: readonly string[]
  readonly walFiles: number
  readonly unfinished: readonly string[]
  readonly bytes: number
}

export interface CarriedOut {
  readonly removed: Removed
  readonly problems: readonly ExpireProblem[]
}

export async function carryOut(
  deps: CarryOutDeps,
  plan: ExpirePlan,
  sparing: Sparing,
  signal: AbortSignal,
): Promise<CarriedOut> {
  const { repository, progress, log } = deps
  const problems: ExpireProblem[] = []
  const going = plan.items.filter(isRemoved)
  progress.phase('removing backups')
  const { ids, refused } = await removeItems(deps, going, problems, signal)
  let [walFiles, bytes] = [0, sum(going.filter(({ id }) => ids.includes(id)).map(one => one.storedBytes))]
  // What could not be removed needs its WAL, and the plan was made without it.
  if (refused.length === 0) {
    progress.phase('removing WAL')
    for (const { stretch } of plan.wal.filter(({ reason }) => reason === undefined)) {
      const remove = (keys: readonly string[]): Promise<void> => repository.storage.delete(keys, signal)
      const tally = await removableWal(repository, stretch, sparing, remove, signal)
      walFiles += tally.files
      bytes += tally.bytes
    }
  }
  const unfinished: string[] = []
  for (const { folder, of } of plan.unfinished.filter(verdict => verdict.isRemoved)) {
    const shelf = of === 'backup' ? backupShelf : dumpShelf
    const fault = await refusal(() => deleteFolder(repository, folder.id, signal, shelf))
    if (fault === undefined) {
      unfinished.push(folder.id)
      bytes += folder.sizeBytes
    } else problems.push({ what: `what is left of ${folder.id}`, ...fault })
  }
  log.info('expire.finished', { removed: ids.length, walFiles, unfinished: unfinished.length, bytes })
  return { removed: { ids, walFiles, unfinished, bytes }, problems }
}

async function removeItems(
  { repository, world, outside, log }: CarryOutDeps,
  going: readonly ExpireItem[],
  problems: ExpireProblem[],
  signal: AbortSignal,
): Promise<{ readonly ids: readonly string[]; readonly refused: readonly string[] }> {
  if (going.length === 0) return { ids: [], refused: [] }
  const note = await writeExpiryNote(
    repository,
    {
      at: new Date(world.clock.now()).toISOString(),
      ids: going.map(({ id }) => id),
      outside: await outsideOf(repository, going, signal),
      tool: toolName,
    },
    signal,
  )
  const refused = new Set<string>()
  // In the plan parents come before their children.
  for (const { id, parent } of going.toReversed()) {
    const fault = refused.has(id)
      ? { code: 'OBJECT_LOCKED', message: 'what is based on it could not be removed' }
      : await refusal(() => removeRecord(repository, id, signal))
    if (fault === undefined) {
      log.info('expire.removed', { id })
      continue
    }
    problems.push({ what: id, ...fault })
    refused.add(id)
    if (parent !== undefined) refused.add(parent)
  }
  const settled = await settle(repository, note, outside, signal)
  problems.push(...settled.problems)
  return { ids: settled.ids, refused: [...refused] }
}

/** What makes it exist. */
async function removeRecord(
  { storage, identity }: Repository,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  const shelf = folderShelfOf(id)
  if (!shelf) return storage.delete([managedKey(identity.cluster, id)], signal)
  return storage.delete([`${shelf.folder(identity.cluster, id)}/${shelf.commitName}`], signal)
}

/** All that their providers have to be told, while the records are still there to tell it. */
async function outsideOf(
  repository: Repository,
  going: readonly ExpireItem[],
  signal: AbortSignal,
): Promise<readonly OutsideSnapshot[]> {
  const found: OutsideSnapshot[] = []
  for (const { id, kind } of going) {
    if (kind === 'snapshot') {
      const record = await readRecord(repository, id, commitName, signal)
      for (const { name, reference, details, copies } of record?.snapshot?.volumes ?? []) {
        const shared = { id, provider: record?.snapshot?.provider ?? '', instance: null, volume: name }
        const host = record?.host ?? null
        found.push({ ...shared, host, reference, details })
        for (const copy of copies)
          found.push({ ...shared, host: null, reference: copy.reference, details: copy.details })
      }
    }
    if (kind === 'managed') {
      const record = await readManaged(repository, id, signal)
      if (!record) continue
      const { provider, instance, reference, copy } = record
      const shared = { id, provider, instance, host: null, volume: '', details: {} }
      found.push({ ...shared, reference })
      if (copy) found.push({ ...shared, reference: copy.reference })
    }
  }
  return found
}

/** Why it was not allowed; undefined when it was done. Other faults end the run: what is left is finished by the next one. */
async function refusal(
  work: () => Promise<void>,
): Promise<Pick<ExpireProblem, 'code' | 'message'> | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    if (isFault(error, 'OBJECT_LOCKED')) return { code: error.code, message: error.message }
    throw error
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0)
