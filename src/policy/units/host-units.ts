/** What the files for systemd and cron are made from: the jobs, and what they touch on their host. Plain data. */
import type { Schedule } from '../../schedule/schedule.ts'

export interface HostPlan {
  readonly cluster: string
  /** Absolute paths. */
  readonly launcher: string
  readonly configPath: string
  readonly user: string
  readonly jobs: readonly HostJob[]
  /** Copies are to be kept up to date all the time. */
  readonly copies: boolean
  /** Where it writes, besides its own folder in /var/lib and /run. */
  readonly writes: readonly string[]
  /** Snapshots of volumes need devices, mounts, and often other rights than the user's own. */
  readonly takesSnapshots: boolean
  readonly stopLimitMs: number
  readonly nice: number
  readonly io: 'normal' | 'low' | 'idle'
}

export interface HostJob {
  readonly name: string
  readonly kind: string
  readonly command: readonly string[]
  readonly schedule: Schedule
  readonly timeZone: string
  readonly spreadMs: number
  /** Between the two of its runs that are nearest to each other. */
  readonly gapMs: number
  /** Which part of the spread it waits: from 0 to 1. */
  readonly share: number
  readonly catchUp: boolean
  readonly timeLimitMs: number
  readonly attempts: number
  readonly pauseMs: number
  readonly hasWindow: boolean
}

export interface HostFile {
  /** Where it belongs. */
  readonly path: string
  readonly text: string
}
