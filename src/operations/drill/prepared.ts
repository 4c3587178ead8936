/** What was chosen to be drilled, laid out and not begun. */
import type { DrillReport } from '../../repository/format/drill-record.ts'
import type { LaidOutBackup } from './restore-backup.ts'
import type { LaidOutDump } from './restore-dumps.ts'

export type Prepared = (LaidOutBackup | LaidOutDump) & { readonly facts: SourceFacts }

export interface SourceFacts {
  readonly repository: string
  /** Where that is, for people. */
  readonly location: string
  readonly backup: string
  readonly kind: 'full' | 'incremental' | 'snapshot' | 'dump'
  /** When the backup ended, or the dump took its snapshot. */
  readonly takenAt: string
  readonly target: DrillReport['target']
  /** The newest there is, so that the live server is hardly further. */
  readonly isLatest: boolean
  readonly sizes: DrillReport['sizes']
  readonly notes: readonly string[]
}
