/** Decides whether the promise of how much may be lost holds. Touches nothing. */
import { formatDuration } from '../../base/units.ts'
import { findingOf, type StatusFinding } from '../../policy/findings/finding.ts'
import type { Exposure } from './exposure.ts'

/** What the repository that is furthest would lose: that is what the strategy as a whole would. */
export function leastExposure(exposures: Iterable<Exposure>): Exposure | undefined {
  const lostMs = ({ lostMs: ms = Infinity }: Exposure): number => ms
  return [...exposures].reduce<Exposure | undefined>(
    (best, each) => (best && lostMs(best) <= lostMs(each) ? best : each),
    undefined,
  )
}

/** That nothing can be restored at all is told elsewhere. */
export function ofRpo(
  exposures: ReadonlyMap<string, Exposure>,
  targetMs: number | undefined,
): readonly StatusFinding[] {
  if (targetMs === undefined) return []
  const isMissed = (leastExposure(exposures.values())?.lostMs ?? 0) > targetMs
  return [...exposures].flatMap(([repository, { lostMs, isUpperBound }]) => {
    if (lostMs === undefined || lostMs <= targetMs) return []
    const [lost, target] = [formatDuration(lostMs), formatDuration(targetMs)]
    const message = isUpperBound
      ? `a loss of the server now might cost what was committed in the last ${lost}: more than the RPO of ${target}; whether anything was, the server did not tell`
      : `a loss of the server now would cost what was committed in the last ${lost}: more than the RPO of ${target}`
    const state = isMissed && !isUpperBound ? 'critical' : 'warning'
    const fix =
      'See that WAL arrives: `holdfast doctor` on the host of the server; archive_timeout bounds how long a commit waits for its segment to be full.'
    return [findingOf('rpo-over-target', { state, repository, message, fix })]
  })
}
