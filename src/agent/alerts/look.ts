/** What `holdfast status` saw, run as a process of its own. */
import * as z from 'zod/mini'
import { alertLimits } from '../../base/alert-limits.ts'
import type { Finding } from '../../policy/alerts/finding.ts'
import type { Answered } from '../ask-self.ts'
import { messageIn } from '../outcome.ts'

const fault = z.nullable(z.object({ message: z.string() }))
const report = z.object({
  server: z.optional(z.nullable(z.object({ fault }))),
  repositories: z.array(z.object({ name: z.string(), fault })),
  findings: z.array(
    z.object({
      code: z.string(),
      state: z.enum(['warning', 'critical']),
      repository: z.nullable(z.string()),
      subject: z.nullable(z.string()),
      message: z.string(),
      fix: z.string(),
      runbook: z.nullable(z.string()),
    }),
  ),
})

/** What `status` told, as far as alerts want to know. */
export type StatusSeen = z.infer<typeof report>

/** Throws, with what was said, when there is no report. */
export async function lookBy(asked: Promise<Answered>, signal: AbortSignal): Promise<StatusSeen> {
  const { value, error } = await asked
  signal.throwIfAborted()
  // What it found shows in its exit status, so that says nothing.
  const parsed = report.safeParse(value)
  if (parsed.success)
    return { ...parsed.data, findings: parsed.data.findings.slice(0, alertLimits.alertsMax) }
  throw new Error((error === undefined ? undefined : messageIn(error)) ?? 'holdfast status gave no report')
}

/** A finding that is not there says nothing when what it is about could not be looked at. */
export function isBlindTo(
  seen: StatusSeen | undefined,
  { repository }: Pick<Finding, 'repository'>,
): boolean {
  if (!seen) return true
  if (repository === null) return (seen.server?.fault ?? null) !== null
  return seen.repositories.some(({ name, fault }) => name === repository && fault !== null)
}
