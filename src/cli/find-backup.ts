/** The backup that people mean: its id, the beginning of it, or `latest`. */
import { Fault } from '../base/fault.ts'
import { nearest } from '../base/nearest.ts'
import { listBackups, readBackup } from '../repository/catalog.ts'
import type { BackupRecord } from '../repository/format/backup-record.ts'
import type { Repository } from '../repository/repository.ts'

export async function findBackup(
  repository: Repository,
  given: string,
  signal: AbortSignal,
): Promise<BackupRecord> {
  const { id } = chooseBackup(await listBackups(repository, signal), given, one => one.id)
  return readBackup(repository, id, signal)
}

/** Whether an id, or the beginning of one, is of a managed server's snapshot and of nothing else. */
export const isManagedWord = (id: string): boolean => id.includes('-m')

/** BACKUP_NOT_FOUND when none, or more than one, begins so. */
export function chooseBackup<T>(backups: readonly T[], given: string, idOf: (backup: T) => string): T {
  // Ids begin with the time.
  const newest = backups.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1)).at(-1)
  if (given === 'latest' && newest !== undefined) return newest
  const fitting = backups.filter(backup => idOf(backup).startsWith(given))
  const found = fitting.find(backup => idOf(backup) === given) ?? fitting[0]
  if (found && (fitting.length === 1 || idOf(found) === given)) return found
  const ids = (found ? fitting : backups).map(idOf)
  const near = nearest(given, ids)
  throw new Fault(
    'BACKUP_NOT_FOUND',
    `${found ? 'several backups begin' : 'no backup begins'} with "${given}"`,
    {
      hint: near !== undefined && !found ? `Did you mean ${near}?` : hintOf(ids),
    },
  )
}

function hintOf(ids: readonly string[]): string {
  return ids.length === 0
    ? 'Take one with `holdfast backup`: there is none yet.'
    : `Give one of: ${ids.slice(-10).join(', ')}.`
}
