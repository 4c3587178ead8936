/** What is owed to repositories, for those who look and push nothing: `status`, `wal status`, `doctor`. */
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { limits } from '../../base/limits.ts'
import type { Clock } from '../../base/world.ts'
import { readOwed, type OwedFacts, type OwedTarget } from './owed.ts'

/** `dataDirectory`: as this host sees it. Undefined: it is not here, or may not be looked at. */
export async function readOwedHere(
  targets: readonly OwedTarget[],
  dataDirectory: string | undefined,
  clock: Pick<Clock, 'now'>,
): Promise<readonly OwedFacts[] | undefined> {
  if (dataDirectory === undefined) return undefined
  const walFolder = join(dataDirectory, 'pg_wal')
  try {
    await access(walFolder, constants.R_OK | constants.X_OK)
    return await readOwed(walFolder, targets, clock)
  } catch {
    return undefined
  }
}

/** `lacks 2 WAL files (… to …) that PostgreSQL was told are safe, and could not be written to since …: why`. */
export function describeOwed({
  files,
  first,
  last,
  unreachableSince,
  lastError,
}: Omit<OwedFacts, 'repository'>): string {
  const span = first === null || first === last ? (first ?? '') : `${first} to ${last ?? ''}`
  const lacks =
    files > 0
      ? `lacks ${String(files)} WAL ${files === 1 ? 'file' : 'files'} (${span}) that PostgreSQL was told ${files === 1 ? 'is' : 'are'} safe`
      : 'lacks no WAL'
  const away = unreachableSince === null ? '' : `, and could not be written to since ${unreachableSince}`
  return `${lacks}${away}${lastError === null ? '' : `: ${lastError}`}`
}

export const owedFix =
  'It catches up by itself once it can be reached; look at why it can not. `holdfast copy` brings what is missing, too.'

/**
 * A repository that is a little slower than the others lacks each file for a moment: that is no finding. One that can
 * not be reached is, and one that has lacked something for longer.
 */
export function owedState(
  { files, since, unreachableSince }: Omit<OwedFacts, 'repository'>,
  nowMs: number,
): 'critical' | 'warning' | undefined {
  const beganMs = [since, unreachableSince].flatMap(time => (time === null ? [] : [Date.parse(time)]))
  const ageMs = Math.max(0, ...beganMs.map(ms => nowMs - ms))
  if (files > 0 && ageMs >= limits.statusLagCriticalMs) return 'critical'
  return unreachableSince !== null || (files > 0 && ageMs >= limits.statusOwedMsMax) ? 'warning' : undefined
}
