/** What is needed to bring anything back in scratch space. */
import type { Log } from '../../base/log.ts'
import type { Progress } from '../../base/progress.ts'
import type { World } from '../../base/world.ts'
import type { Environment } from '../../postgres/connection-string.ts'
import type { Settings } from '../../postgres/local-server/start-settings.ts'
import type { ToolPlaces } from '../../postgres/tools.ts'
import type { ScratchVolume } from '../scratch/scratch-folder.ts'
import type { FileOwner } from '../workers/messages.ts'
import type { PhaseMeter } from './phase-meter.ts'

export interface BringUpDeps {
  readonly world: World
  readonly progress: Progress
  readonly log: Log
  readonly phases: PhaseMeter
}

export interface BringUpPlace {
  /** The folder, which is removed afterwards. */
  readonly scratch: string
  /** See ScratchFolder. */
  readonly willMake: (volume: ScratchVolume) => Promise<void>
  readonly owner: FileOwner | undefined
  readonly settings: Settings
  readonly programs: ToolPlaces
  readonly environment: Environment
  readonly workers: number
  /** By which the original is reached: the same may let us in here. */
  readonly user: string | undefined
  readonly database: string | undefined
}
