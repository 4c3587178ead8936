/**
 * What the planner of jobs knows: the jobs as the configuration states them, and what it remembers of each.
 *
 * A run is *due* at a moment of the schedule, and starts a little later, by the job's own share of the spread. A due run is
 * *settled* when it was done, given up, or passed over because a newer one had become due.
 */
import type { Schedule } from '../../schedule/schedule.ts'
import type { Zone } from '../../schedule/time-zone.ts'
import type { DayWindow } from '../../schedule/day-window.ts'

export interface Job {
  readonly name: string
  /** The verb. Two of a kind never run at the same time. */
  readonly kind: string
  readonly schedule: Schedule
  readonly zone: Zone
  /** Runs start up to so much later than they are due, and always by the same part of it. */
  readonly spreadMs: number
  /** Which part: from 0 to 1, by the names of cluster and job. */
  readonly share: number
  /** When it may be started; undefined: always. */
  readonly window: DayWindow | undefined
  /** Whether a run that was missed while nobody was there is made up for, once. */
  readonly catchUp: boolean
  readonly attemptsMax: number
  readonly pauseMsFirst: number
  readonly pauseMsMax: number
}

export const outcomes = ['done', 'findings', 'failed', 'refused', 'timeout', 'stopped', 'lost'] as const
/**
 * `findings`: it is done, and told of something to look at. `refused`: trying again will not help before somebody changes
 * something. `stopped`: the agent was told to end. `lost`: how it ended is not known, since the agent was killed.
 */
export type Outcome = (typeof outcomes)[number]

export const causes = ['schedule', 'catch-up', 'retry', 'hand'] as const
export type Cause = (typeof causes)[number]

export interface RunRecord {
  readonly dueMs: number
  readonly startedMs: number
  readonly endedMs: number
  readonly attempt: number
  readonly cause: Cause
  readonly outcome: Outcome
  /** The exit status, when it is known. */
  readonly exit: number | undefined
  /** What went wrong, or what was found. */
  readonly message: string | undefined
}

export interface RunUnderWay {
  /** What it is, whatever the configuration says by now. */
  readonly kind: string
  readonly dueMs: number
  readonly startedMs: number
  readonly attempt: number
  readonly cause: Cause
}

export interface JobMemory {
  /** The schedule that this memory belongs to: another one begins anew. */
  readonly scheduleText: string
  /** All that was due until then is settled. */
  readonly settledMs: number
  /** What has failed so far, and is tried again. */
  readonly trying: { readonly dueMs: number; readonly attempts: number; readonly nextMs: number } | undefined
  readonly running: RunUnderWay | undefined
  /** Oldest first. */
  readonly history: readonly RunRecord[]
}
