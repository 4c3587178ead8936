/**
 * Which snapshots nobody can rely on. They lie with their providers, and vanish there without a word: by hand, by a rule of the
 * provider's own. So whoever holds them is asked; and what can not be seen from here is relied on no more than what is gone.
 */
import type { BackupSummary } from '../../repository/format/backup-summary.ts'
import type { ManagedRecord } from '../../repository/format/managed-json.ts'
import { commitName } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import { readRecords } from '../../repository/stored-records.ts'
import { isRestorable, presencesOf, unknownPresences, type OpenManaged } from '../managed/presence.ts'
import { absencesOf, type Absence, type OpenProvider } from '../snapshot/presence.ts'
import type { PlaceFacts } from './facts.ts'

/** Undefined: nobody is asked, since nothing is said in the configuration of how that is done. */
export interface Holders {
  readonly openProvider: OpenProvider | undefined
  readonly openManaged: OpenManaged | undefined
}

/** Why it does not count as good, as a clause without a subject, by id. */
export type Doubts = ReadonlyMap<string, string>

export async function doubtsOf(
  repository: Repository,
  { summaries, managed }: Pick<PlaceFacts, 'summaries' | 'managed'>,
  { openProvider, openManaged }: Holders,
  signal: AbortSignal,
): Promise<Doubts> {
  const snapshots = summaries.filter(({ kind }) => kind === 'snapshot')
  return new Map([
    ...(openProvider
      ? await ofVolumes(repository, snapshots, openProvider, signal)
      : snapshots.map(({ id }) => [id, unseen(notConfigured)] as const)),
    ...(await ofManaged(managed, openManaged, signal)),
  ])
}

type Doubt = readonly [string, string]

const notConfigured = 'the configuration has no snapshots'
const unseen = (why: string): string => `may be gone, which can not be told here: ${why}`
const lost = (why: string): string => `can not be restored: ${why}`

async function ofVolumes(
  repository: Repository,
  snapshots: readonly BackupSummary[],
  open: OpenProvider,
  signal: AbortSignal,
): Promise<readonly Doubt[]> {
  const ids = snapshots.map(({ id }) => id)
  const { records } = await readRecords(repository, ids, commitName, signal)
  const byId = new Map(records.map(record => [record.id, record]))
  const doubts: Doubt[] = []
  for (const id of ids) {
    const record = byId.get(id)
    const absence = record ? (await absencesOf(record, open, signal)).at(0) : unreadable
    if (!absence) continue
    const { what, message } = absence
    doubts.push([id, what === 'unknown' ? unseen(message) : lost(message)])
  }
  return doubts
}

const unreadable: Pick<Absence, 'what' | 'message'> = {
  what: 'unknown',
  message: 'its record could not be read again',
}

async function ofManaged(
  managed: readonly ManagedRecord[],
  open: OpenManaged | undefined,
  signal: AbortSignal,
): Promise<readonly Doubt[]> {
  const presences = open
    ? await presencesOf(managed, open, signal)
    : unknownPresences(managed, { message: notConfigured })
  return presences
    .filter(presence => !isRestorable(presence))
    .map(({ record, snapshot, copy }) => {
      const isUnknown = [snapshot, copy].some(one => one?.state === 'unknown')
      return [record.id, isUnknown ? unseen(snapshot.message) : lost(snapshot.message)]
    })
}
