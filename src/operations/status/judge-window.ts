/** Decides what is wrong with what can be restored: gaps in the WAL, and backups that lead nowhere. Touches nothing. */
import { findingOf, warningOf, type StatusFinding } from '../../policy/findings/finding.ts'
import { owedFix, owedState } from '../wal-push/owed-here.ts'
import type { OwedFacts } from '../wal-push/owed.ts'
import type { GapStatus } from '../wal-status.ts'
import type { SeenPlace } from './facts.ts'

interface Beside {
  /** What is wrong here costs the newest data. */
  readonly isVital: boolean
  /** The other repositories that can be seen. */
  readonly others: readonly Pick<SeenPlace, 'wal'>[]
  readonly owed: OwedFacts | undefined
  readonly nowMs: number
}

export function ofWindow(
  facts: SeenPlace,
  { isVital, others, owed, nowMs }: Beside,
): readonly StatusFinding[] {
  const { name: repository } = facts.place
  const fix = `See \`holdfast wal status --repository ${repository}\`; what another repository has comes back with \`holdfast repair --repository ${repository} --wal\`, else take a backup.`
  const state = isVital ? 'critical' : 'warning'
  if (facts.backups.length > 0 && facts.windows.length === 0)
    return [findingOf('nothing-restorable', { state, repository, message: unusableText(facts), fix })]
  const open = facts.gaps.filter(({ isBridged }) => !isBridged)
  return open.flatMap(gap => {
    const { firstMissing, segments } = gap
    const [what, are] = segments === 1 ? ['segment', 'is'] : ['segments', 'are']
    if (owed && isOwed(gap, owed, others))
      return owedState(owed, nowMs) === undefined
        ? []
        : [
            warningOf('window-gap', {
              repository,
              subject: firstMissing,
              message: `${String(segments)} WAL ${what} from ${firstMissing} on ${are} owed to it and ${segments === 1 ? 'comes by itself' : 'come by themselves'}; until then nothing after that can be restored from it alone`,
              fix: owedFix,
            }),
          ]
    const message = `${String(segments)} WAL ${what} ${are} missing from ${firstMissing} on, and nothing after that can be restored`
    return [findingOf('window-gap', { state, repository, subject: firstMissing, message, fix })]
  })
}

/** It is noted as owed, and another repository has all of it. */
function isOwed(
  { firstMissing, lastMissing, segments }: GapStatus,
  { first, last }: OwedFacts,
  others: Beside['others'],
): boolean {
  const isNoted = first !== null && last !== null && first <= firstMissing && lastMissing <= last
  const isWithin = (name: string): boolean =>
    /^[0-9A-F]{24}$/.test(name) && firstMissing <= name && name <= lastMissing
  return isNoted && others.some(({ wal }) => [...wal.keys()].filter(isWithin).length >= segments)
}

function unusableText({ unusable }: SeenPlace): string {
  const newest = unusable.at(-1)
  return `no backup can be restored${newest ? `: ${newest.id} ${newest.why}` : ''}`
}
