/** The backup that people mean: its id, or the beginning of it. */
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
  const records = await listBackups(repository, signal)
  const fitting = records.filter(({ id }) => id.startsWith(given))
  const found = fitting.find(({ id }) => id === given) ?? fitting[0]
  if (found && (fitting.length === 1 || found.id === given)) return readBackup(repository, found.id, signal)
  const ids = (found ? fitting : records).map(({ id }) => id)
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
