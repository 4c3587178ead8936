/**
 * An alert: trouble that people are told of, from the first time that it is seen until it is over.
 *
 * What is seen jumps about; what is told (the *level*) follows with pauses: up when it was seen for long enough, down when it
 * was away for long enough. Trouble that *comes and goes* is told of once and stays open until it has calmed down.
 */
import { createHash } from 'node:crypto'
import type { Finding, Severity } from './finding.ts'

/** 0: nothing is wrong. */
export type Level = 0 | 1 | 2

export const levelOf = (state: Severity | undefined): Level =>
  state === undefined ? 0 : state === 'critical' ? 2 : 1
export const stateOf = (level: 1 | 2): Severity => (level === 2 ? 'critical' : 'warning')

export interface AlertRules {
  /** So long it is seen until it is told. */
  readonly afterMs: number
  /** So long it is away until it is over. */
  readonly overAfterMs: number
  readonly repeatMsFirst: number
  readonly repeatMsMost: number
  /** What comes so often within this time comes and goes. */
  readonly flappingTimes: number
  readonly flappingWithinMs: number
}

/** Whether it is at least so bad, and since when that has been so. */
export interface Mark {
  readonly seen: boolean
  readonly sinceMs: number
}

export interface Alert {
  /** Another one each time that it comes back after it was over. */
  readonly id: string
  /** As it was seen last. */
  readonly finding: Finding
  readonly sinceMs: number
  readonly warning: Mark
  readonly critical: Mark
  readonly level: Level
  /** When it came, or became worse, lately. */
  readonly comings: readonly number[]
  /** By the names of sinks. */
  readonly told: Readonly<Record<string, Told>>
  readonly ack: Ack | undefined
}

export interface Told {
  readonly level: Level
  readonly atMs: number
  /** Since the level is what it is. */
  readonly repeats: number
  /** All notices so far. */
  readonly notices: number
}

/** Somebody knows of it: it is not repeated until then, or until it becomes worse. */
export interface Ack {
  readonly untilMs: number
  readonly reason: string | undefined
}

export function seenLevel({ warning, critical }: Pick<Alert, 'warning' | 'critical'>): Level {
  return critical.seen ? 2 : warning.seen ? 1 : 0
}

export function isFlapping({ comings }: Alert, { flappingTimes }: AlertRules): boolean {
  return comings.length >= flappingTimes
}

export function alertIdOf(key: string, sinceMs: number): string {
  return createHash('sha256')
    .update(`${key} ${String(sinceMs)}`)
    .digest('hex')
    .slice(0, 8)
}
