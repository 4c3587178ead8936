/** What a candidate has to say to a target. */
import type { Candidate } from '../../policy/candidates.ts'
import type { RecoveryTarget } from '../../policy/recovery-target.ts'
import type { StoppingPoint } from '../../policy/restore-plan.ts'
import type { Lsn } from '../../wal/lsn.ts'
import type { Micros } from '../../wal/time.ts'
import type { WalLookup } from '../wal-lookup.ts'

export type Answer = { readonly stop: StoppingPoint; readonly notes: readonly string[] } | NotReached

export interface NotReached {
  /** A clause whose subject is the backup: `is consistent only at 0/5000000, which is after the target`. */
  readonly why: string
  /** The backup is later than the target, or its WAL ends before it. */
  readonly side: 'too late' | 'ends before'
  /** The last point that this candidate leads to. */
  readonly nearest?: NearestBefore | undefined
  /** No other candidate is to be asked. */
  readonly isFinal?: boolean | undefined
}

export interface NearestBefore {
  /** The end of the last segment. */
  readonly endLsn: Lsn
  /** The last whole record; undefined without a key. Stopping after it brings back all there is. */
  readonly lastRecordLsn: Lsn | undefined
  /** When the last transaction ended that is brought back there. */
  readonly lastCommit: Micros | undefined
  /** The first segment that is missing, when there is WAL beyond it. */
  readonly gapAt: string | undefined
}

export interface ResolveContext {
  readonly target: RecoveryTarget
  readonly acceptGap?: boolean | undefined
  readonly segmentSizeBytes: number
  readonly lookup: WalLookup
}

export type Resolver = (candidate: Candidate) => Promise<Answer>
