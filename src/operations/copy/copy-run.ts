/** What the steps of one copy share. */
import type { Progress } from '../../base/progress.ts'
import type { World } from '../../base/world.ts'
import type { Arrival } from './copy-object.ts'
import type { CopyTally } from './report.ts'
import type { CopySide } from './sides.ts'

export interface CopyRun {
  readonly world: World
  readonly progress: Progress
  readonly from: CopySide
  readonly to: CopySide
  readonly arrival: Arrival
  readonly tally: CopyTally
  /** WAL that is not at the destination, or not right there: backups that need it are not committed. */
  readonly failedWal: Set<string>
  /** Backups that could not be copied: what is based on them is not, either. */
  readonly failedBackups: Set<string>
  /** Where an object may be taken from: the source, and once that has failed, other repositories. */
  readonly sources: () => AsyncIterable<CopySide>
}
