/**
 * Timelines: one history of the log each; a new one starts at every promotion.
 *
 * A history file names the ancestors of a timeline, oldest first, and where each was left.
 * See src/backend/access/transam/timeline.c.
 */
import { parseLsn, type Lsn } from './lsn.ts'

export interface TimelineSwitch {
  readonly timeline: number
  /** The position at which this timeline was left for the next one. */
  readonly endLsn: Lsn
  readonly reason: string
}

/** Reads a history file; undefined when a line is not what PostgreSQL writes. */
export function parseHistory(text: string): readonly TimelineSwitch[] | undefined {
  const switches: TimelineSwitch[] = []
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue
    const match = /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)(?:\s+(.*))?$/i.exec(line)
    const endLsn = match?.[2] === undefined ? undefined : parseLsn(match[2])
    if (!match || endLsn === undefined) return undefined
    switches.push({ timeline: Number(match[1]), endLsn, reason: match[3] ?? '' })
  }
  return switches
}
