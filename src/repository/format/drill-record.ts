/**
 * A drill as the repository keeps it: `drill.json`, readable without a key, says how it went and how long it took; the
 * report, sealed like everything that tells of the data, says what was asked and answered.
 */
import type { StoredObjectRecord } from './backup-record.ts'

/** What was restored. */
export const drillKinds = ['full', 'incremental', 'snapshot', 'dump', 'managed'] as const
export type DrillKind = (typeof drillKinds)[number]

/**
 * In the order in which they are gone through, one after the other. `restore` is download and decompression, which go on
 * at the same time; `removal` is no part of the way back.
 */
export const drillPhases = ['provisioning', 'restore', 'replay', 'erasures', 'checks', 'removal'] as const
export type DrillPhaseName = (typeof drillPhases)[number]

export interface DrillPhase {
  readonly name: DrillPhaseName
  readonly startedAt: string
  readonly durationMs: number
  /** What it went through, before compression: of `restore` files, of `replay` WAL. Null: nothing that can be counted. */
  readonly bytes: number | null
  /** Processor time over all threads; null when it was not measured. */
  readonly cpuMs: number | null
}

export interface DrillSizes {
  /** Of what was restored, before compression, without WAL. */
  readonly rawBytes: number
  /** What was fetched for it. */
  readonly storedBytes: number
  /** Of the WAL that was replayed, before compression. */
  readonly walBytes: number
}

/** What was measured, against what was promised; null: not measurable in this drill, and nothing promised. */
export interface DrillObjective {
  readonly actualMs: number | null
  readonly targetMs: number | null
}

export interface DrillSource {
  /** Its name in the configuration. */
  readonly repository: string
  /** Null: none could be chosen. */
  readonly backup: string | null
  readonly kind: DrillKind | null
}

/** What lists, trends and forecasts need to know of a drill. */
export interface DrillSummary {
  readonly id: string
  readonly outcome: 'passed' | 'failed'
  /** The one that it ran on. */
  readonly host: string
  readonly source: DrillSource
  readonly startedAt: string
  readonly endedAt: string
  readonly durationMs: number
  readonly phases: readonly DrillPhase[]
  readonly sizes: DrillSizes
  readonly workers: number
  readonly rto: DrillObjective
  readonly rpo: DrillObjective
  /** How many questions had which answer. */
  readonly answers: { readonly ok: number; readonly failed: number; readonly notAsked: number }
  readonly tool: string
}

/** `drill.json`: the commit, written last. */
export interface DrillRecord extends DrillSummary {
  readonly format: 1
  readonly cluster: string
  readonly systemIdentifier: string
  readonly report: StoredObjectRecord
  readonly page: StoredObjectRecord
}

/** The report: what `report.json` holds before it is sealed. */
export interface DrillReport extends Omit<DrillSummary, 'answers' | 'source'> {
  readonly format: 1
  readonly cluster: string
  readonly systemIdentifier: string
  readonly source: DrillSource & {
    /** Where the repository is. */
    readonly location: string
    /** When the backup ended. */
    readonly takenAt: string | null
  }
  readonly versions: {
    /** Of the server that was started; empty when it came to none. */
    readonly postgres: string
    readonly node: string
    readonly system: string
  }
  /** What chance chose from: the same seed chooses the same again. */
  readonly seed: string
  /** What was to be reached, in words and, where they are known beforehand, as time and LSN. */
  readonly target: { readonly asked: string; readonly time: string | null; readonly lsn: string | null }
  /** Where recovery ended; null when it did not get there, or nothing is replayed. */
  readonly reached: {
    /** Of the last commit. */
    readonly time: string | null
    readonly lsn: string | null
    readonly timeline: number | null
  } | null
  readonly checklist: readonly DrillQuestion[]
  /** For the next drill to compare with. */
  readonly rowCounts: readonly DrillRowCount[]
  /** What is worth knowing and no answer to a question. */
  readonly notes: readonly string[]
  /** What cut the drill off; null when it came to its end. */
  readonly fault: { readonly code: string; readonly message: string; readonly hint: string } | null
  /** By the host, over all bytes before the line that this field begins. */
  readonly signature?: DrillSignature | undefined
}

export interface DrillSignature {
  readonly algorithm: 'ed25519'
  /** The host's public key: SubjectPublicKeyInfo in base64, as PEM has it. */
  readonly key: string
  /** base64 */
  readonly value: string
}

export const drillStates = ['ok', 'failed', 'not-asked'] as const
export type DrillState = (typeof drillStates)[number]

export interface DrillQuestion {
  /** `databases-connect`, `assertion:users`: stays the same from drill to drill. */
  readonly id: string
  readonly question: string
  readonly state: DrillState
  /** What was seen: numbers, versions, output. */
  readonly evidence: readonly string[]
  /** Why it failed, or was not asked; empty when all is well. */
  readonly reason: string
  readonly durationMs: number | null
}

export interface DrillRowCount {
  readonly database: string
  /** With its schema: `public.users`. */
  readonly table: string
  readonly rows: number
  /** Counted, and not estimated from the server's statistics. */
  readonly exact: boolean
}
