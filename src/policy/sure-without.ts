/** Decides only: whether a restore may be carried out without a repository that could not be read. */
import type { RestorePlan } from './restore-plan.ts'
import type { TimelineChoice } from './recovery-target.ts'

/**
 * Whether what nobody could read can not change where the plan leads. The end of the WAL may lie further there, and a
 * newer backup; also another timeline, so the one to follow has to be said.
 */
export function isSureWithout(
  { target, stop }: Pick<RestorePlan, 'target' | 'stop'>,
  { timeline, isNamed }: { readonly timeline: TimelineChoice | undefined; readonly isNamed: boolean },
): boolean {
  if (target.kind === 'latest') return false
  // The backup's own end: it is the same one, wherever it is read.
  if (target.kind === 'immediate') return isNamed
  const isSaid = typeof timeline === 'number' || (timeline === 'current' && isNamed)
  return isSaid && stop.isExact && (stop.where === 'before' || stop.where === 'after')
}
