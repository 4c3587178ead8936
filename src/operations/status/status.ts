/** What `status` tells: the result that `--json` prints, and that alerts and metrics read. */
import type { StatusFinding } from '../../policy/findings/finding.ts'
import type { DrillStatus } from './drills.ts'
import type { KindStatus, StoredWalStatus } from './kinds.ts'
import type { OwedFacts } from '../wal-push/owed.ts'
import type { StatusPlace } from './facts.ts'
import type { State } from './judge.ts'
import type { Lag } from './lag.ts'

export interface StatusReport {
  readonly state: State
  readonly checkedAt: string
  /** What is promised, and what is. */
  readonly objectives: {
    readonly rpo: Rpo & { readonly targetSeconds: number | null }
    readonly rto: Rto & { readonly targetSeconds: number | null }
  }
  /** Null when nobody asked for it. */
  readonly server: ServerStatus | null
  readonly repositories: readonly RepositoryStatus[]
  /** Whether what is owed could be looked at: only the host of the server can, and only where several are written. */
  readonly isOwedKnown: boolean
  /** The worst first. */
  readonly findings: readonly StatusFinding[]
}

export interface Rpo {
  /** Of what would be lost if the server were lost now; null when nothing can be restored, or nothing can be told. */
  readonly actualSeconds: number | null
  /** So much at most: the server could not be asked whether there was any commit since. */
  readonly isUpperBound: boolean
}

/** As drills tell, scaled to the size of today. */
export interface Rto {
  /** Of the return; null when no drill tells. */
  readonly actualSeconds: number | null
  /** With the slowest rates that were seen. */
  readonly slowestSeconds: number | null
  /** How many drills it stands on. */
  readonly drills: number
  readonly phases: readonly { readonly name: string; readonly expectedSeconds: number }[]
}

export interface ServerStatus {
  /** Why nothing is known of it; null when it answered. */
  readonly fault: { readonly code: string; readonly message: string } | null
  readonly isStandby: boolean | null
  readonly timeline: number | null
  readonly lsn: string | null
  /** WAL files that wait to be archived; null when the role may not look. */
  readonly walFilesWaiting: number | null
  /** Of the server's own statistics, since they were reset; null when the server did not answer. */
  readonly walFilesArchived: number | null
  readonly walArchiveFailures: number | null
  readonly lastArchivedAt: string | null
  /** All of pg_wal. */
  readonly walBytes: number | null
  /** Of the disk of pg_wal; null when that is not on this host. */
  readonly walFreeBytes: number | null
  /** Until that disk is full, while files wait. */
  readonly walFullInSeconds: number | null
  readonly slots: readonly {
    readonly name: string
    readonly isActive: boolean
    readonly heldBytes: number | null
    readonly walStatus: string | null
  }[]
}

export interface RepositoryStatus {
  readonly name: string
  readonly url: string
  readonly role: StatusPlace['role']
  readonly copyOf: string | null
  /** Why nothing is known of it; null when it was read. */
  readonly fault: { readonly code: string; readonly message: string } | null
  readonly backups: number
  readonly newestBackup: { readonly id: string; readonly endedAt: string; readonly ageSeconds: number } | null
  /** Of each kind that is there. */
  readonly kinds: readonly KindStatus[]
  /** Null when it could not be read. */
  readonly wal: StoredWalStatus | null
  /** Null when there is none. */
  /** Whether the configured key opens what was sealed last; null where there is no key to try, or nothing to try it on. */
  readonly isKeyRight: boolean | null
  readonly newestDump: { readonly id: string; readonly endedAt: string; readonly ageSeconds: number } | null
  /** Null where there was none, or where they may not be looked at. */
  readonly lastDrill: DrillStatus | null
  /** Snapshots that managed servers made; null where the configuration has no such server. */
  readonly managed: {
    readonly snapshots: number
    /** Of these, so many can be restored, as the vendor says now; the rest are gone, failed, or still being made. */
    readonly restorable: number
    readonly newest: { readonly id: string; readonly endedAt: string; readonly ageSeconds: number } | null
  } | null
  /** What can be restored from this repository alone, oldest first. */
  readonly windows: readonly {
    readonly from: string
    readonly to: string | null
    readonly timeline: number
  }[]
  readonly gaps: number
  readonly newestWal: { readonly name: string; readonly lastCommit: string | null } | null
  /** Null where nothing lies in its archive. */
  readonly archive: {
    readonly backups: number
    readonly dumps: number
    /** Of both. */
    readonly newest: string
    readonly oldest: string
  } | null
  /** Null where there is nothing to be held against. */
  readonly lag: Lag | null
  /** By itself; null when it could not be seen. */
  readonly rpo: Rpo | null
  /** WAL that PostgreSQL was told is safe, and that is only in other repositories yet. */
  readonly owed: Omit<OwedFacts, 'repository'> | null
}
