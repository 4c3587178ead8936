/** Backups and dumps whose records lie in a cold storage class: they are there, and nobody can tell what they need. */
import type { BackupSummary } from '../../repository/format/backup-summary.ts'
import type { NoBackup } from './holdings.ts'

export interface Unread {
  readonly id: string
  readonly why: string
}

/** No damage, which any other code tells of. */
export const isUnread = ({ code }: NoBackup): boolean => code === 'OBJECT_COLD'

export const unreadOf = ({ id }: NoBackup): Unread => ({ id, why: 'its record can not be read before that' })

export const basedOnUnread = ({ id, parent }: Pick<BackupSummary, 'id' | 'parent'>): Unread => ({
  id,
  why: `it is based on ${String(parent)}, whose record can not be read before that`,
})
