/** Whether a lease may be taken. Pure: what is known goes in, the answer and its reason come out. */
import { limits } from '../base/limits.ts'
import { formatDuration } from '../base/units.ts'
import type { LeaseRecord } from './format/lease-record.ts'

export interface LeaseJudgement {
  /** `doubtful`: watch whether it is renewed, and take it when it was not for its whole time. */
  readonly verdict: 'free' | 'held' | 'doubtful'
  /** For people: who holds it, or why it is free. */
  readonly reason: string
}

export interface LeaseFacts {
  /** The current object; undefined when there is none. */
  readonly record: LeaseRecord | undefined
  /** Proven, by looking at the processes of this machine. */
  readonly holderIsDead: boolean
  /** By our own clock, which may differ from the holder's. */
  readonly nowMs: number
}

export function judgeLease({ record, holderIsDead, nowMs }: LeaseFacts): LeaseJudgement {
  if (!record) return { verdict: 'free', reason: 'nobody ever held it' }
  const holder = describeOwner(record)
  if (record.released) return { verdict: 'free', reason: `${holder} gave it back` }
  if (holderIsDead) return { verdict: 'free', reason: `${holder} is dead` }
  const leftMs = Date.parse(record.expiresAt) - nowMs
  if (leftMs < -limits.leaseClockSkewMsMax) {
    return { verdict: 'free', reason: `${holder} did not renew it for ${formatDuration(-leftMs)}` }
  }
  if (leftMs < 0)
    return { verdict: 'doubtful', reason: `${holder} should have renewed it ${formatDuration(-leftMs)} ago` }
  if (leftMs > record.ttlMs + limits.leaseClockSkewMsMax) {
    return {
      verdict: 'doubtful',
      reason: `the clock of ${holder} differs from ours by ${formatDuration(leftMs)}`,
    }
  }
  return { verdict: 'held', reason: `${holder} holds it until ${record.expiresAt}` }
}

export function describeOwner({ owner }: LeaseRecord): string {
  const process = `process ${String(owner.pid)} on ${owner.host}`
  return owner.purpose === undefined ? process : `${process} (${owner.purpose})`
}
