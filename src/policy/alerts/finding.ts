/** What is wrong now, as alerts take it: a finding of `status`, or of the agent about itself. */
import type { StatusFinding } from '../findings/finding.ts'

export type Severity = StatusFinding['state']

/** Codes are text: a state file may hold some that this version does not know. */
export interface Finding extends Omit<StatusFinding, 'code' | 'runbook'> {
  readonly code: string
  /** Null: none, as of a test. */
  readonly runbook: string | null
}

/** Findings with the same key are the same trouble, whatever their words are by now. */
export function keyOf({
  code,
  repository,
  subject,
}: Pick<Finding, 'code' | 'repository' | 'subject'>): string {
  return [code, repository ?? '', subject ?? ''].join('/')
}

/** What was seen in one look at everything. */
export interface Look {
  readonly atMs: number
  readonly findings: readonly Finding[]
  /** What could not be looked at: that it is not found says nothing. */
  readonly isBlindTo: (finding: Finding) => boolean
}
