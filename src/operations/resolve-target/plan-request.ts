/** What a restore is asked for. */
import type { RecoveryTarget, TimelineChoice } from '../../policy/recovery-target.ts'

export interface PlanRequest {
  readonly target: RecoveryTarget
  readonly timeline: TimelineChoice
  /** Begin with this backup, whatever speaks for another one. */
  readonly backupId?: string | undefined
  /** For the target `latest`: the end of the WAL before a gap is good enough. */
  readonly acceptGap?: boolean | undefined
}
