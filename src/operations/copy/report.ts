/** What became of a copy: what `--json` prints. */
import type { Fault } from '../../base/fault.ts'
import type { ColdLeft } from './leave-cold.ts'
import type { CopyPlan, LeftOut } from './plan.ts'

export interface CopyReport {
  readonly from: string
  readonly to: string
  readonly isDryRun: boolean
  readonly steps: readonly StepSummary[]
  readonly totals: CopyPlan['totals']
  readonly copied: CopiedTotals
  /** What the source has and the copy is not meant to have. */
  readonly left: readonly LeftOut[]
  /** What the copy should have, and what has to be thawed before it can. */
  readonly cold: readonly ColdLeft[]
  /** What the copy should have and does not, or has and is not right. Empty, as is `cold`: the copy is complete. */
  readonly problems: readonly CopyProblem[]
  readonly durationMs: number
}

export interface StepSummary {
  /**
   * `managed`: the record of a managed server's snapshot, which stays where the vendor keeps it. `erasures`: requests to forget
   * a person, and what restores did with them. `drill`: the report of one. `trails`: of what hosts did.
   */
  readonly kind: 'wal' | 'check' | 'backup' | 'dump' | 'managed' | 'erasures' | 'drill' | 'trails'
  readonly why: string
  readonly backup?: string
  readonly dump?: string
  readonly drill?: string
  readonly bytes: number
  readonly walFiles?: number
  /** First and last WAL file. */
  readonly wal?: readonly [first: string, last: string]
}

export interface CopiedTotals {
  readonly backups: readonly string[]
  readonly dumps: readonly string[]
  /** Records of managed servers' snapshots. */
  readonly managed: readonly string[]
  /** Objects of requests to forget a person. */
  readonly erasures: number
  /** Drills whose reports were copied. */
  readonly drills: readonly string[]
  /** Objects of audit trails, which are counted here alone: each copy is entered in one, so there is always something new. */
  readonly trails: number
  readonly walFiles: number
  readonly objects: number
  readonly bytes: number
  /** Were there already and were held against the source. */
  readonly checked: number
  /** WAL files whose bytes nobody could look at for want of a key. */
  readonly unproven: number
}

export interface CopyProblem {
  /** A backup, or the key of an object. */
  readonly what: string
  readonly code: string
  readonly message: string
  readonly hint: string
}

/** What became of the reports of drills. */
export interface CopiedDrills {
  readonly ids: readonly string[]
  readonly objects: number
  readonly bytes: number
  readonly problems: readonly CopyProblem[]
}

export function problemOf(
  what: string,
  { code, message, hint }: Pick<Fault, 'code' | 'message' | 'hint'>,
): CopyProblem {
  return { what, code, message, hint }
}

export function summaryOf({ steps }: CopyPlan): readonly StepSummary[] {
  return steps.map(step => {
    const { kind, why, bytes } = step
    if (step.kind === 'backup') return { kind, why, bytes, backup: step.record.id }
    if (step.kind === 'dump') return { kind, why, bytes, dump: step.record.id }
    const names = step.files.map(({ name }) => name)
    return { kind, why, bytes, walFiles: names.length, wal: [names[0] ?? '', names.at(-1) ?? ''] }
  })
}

export const managedStep = ({ id }: { readonly id: string }): StepSummary => ({
  kind: 'managed',
  why: 'its record is not there',
  bytes: 0,
  backup: id,
})

export const drillStep = ({ id }: { readonly id: string }): StepSummary => ({
  kind: 'drill',
  why: 'its report is not there',
  bytes: 0,
  drill: id,
})

export function smallSteps(
  kind: 'erasures' | 'trails',
  missing: readonly { readonly sizeBytes: number }[],
): readonly StepSummary[] {
  if (missing.length === 0) return []
  const bytes = missing.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return [{ kind, why: `${String(missing.length)} objects are not there`, bytes }]
}

/** What a copy counts while it goes on. */
export class CopyTally {
  readonly backups: string[] = []
  readonly dumps: string[] = []
  readonly managed: string[] = []
  readonly drills: string[] = []
  readonly problems: CopyProblem[] = []
  walFiles = 0
  erasures = 0
  trails = 0
  objects = 0
  bytes = 0
  checked = 0
  unproven = 0

  wrote(sizeBytes: number): void {
    this.objects++
    this.bytes += sizeBytes
  }

  addErasures(objects: number, bytes: number): void {
    this.erasures += objects
    this.objects += objects
    this.bytes += bytes
  }

  addDrills({ ids, objects, bytes, problems }: CopiedDrills): void {
    this.drills.push(...ids)
    this.objects += objects
    this.bytes += bytes
    this.problems.push(...problems)
  }

  get totals(): CopiedTotals {
    const { walFiles, erasures, trails, objects, bytes, checked, unproven } = this
    const [backups, dumps, managed] = [[...this.backups], [...this.dumps], [...this.managed]]
    const drills = [...this.drills]
    return { backups, dumps, managed, drills, erasures, trails, walFiles, objects, bytes, checked, unproven }
  }
}
