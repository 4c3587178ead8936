/** What is wrong now, as alerts take it: a finding of `status`, or of the agent about itself. */

export const severities = ['warning', 'critical'] as const
export type Severity = (typeof severities)[number]

export interface Finding {
  /** Stable: what kind of trouble it is. */
  readonly code: string
  readonly state: Severity
  /** Of which repository; undefined: of none. */
  readonly repository: string | undefined
  /** What else tells it from others of its code: a job, a sink. */
  readonly subject: string | undefined
  readonly message: string
  /** What to do. */
  readonly fix: string
  /** Where it is written in full. */
  readonly runbook: string | undefined
}

/** Two findings with the same key are the same trouble, whatever their words are by now. */
export function keyOf({ code, repository = '', subject = '' }: Finding): string {
  return [code, repository, subject].join('/')
}
