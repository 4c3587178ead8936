/** Decides only: which of several pg_dumps, running at the same time, dumps the rows of which table. */
import { limits } from '../../base/limits.ts'

export interface TableToDump {
  /** As `tablePattern` makes it. */
  readonly pattern: string
  readonly sizeBytes: number
}

/**
 * The tables for each job. The first job also dumps all that is named nowhere (`restBytes` of it), so its list is empty;
 * jobs without work are left out. Largest first, each to the one that has least to do: at most a third longer than the
 * best there is.
 */
export function assignTables(
  tables: readonly TableToDump[],
  restBytes: number,
  jobs: number,
): readonly (readonly string[])[] {
  const sorted = tables.toSorted((a, b) => b.sizeBytes - a.sizeBytes)
  const split = sorted.slice(0, limits.dumpTablesSplitMax)
  const others = sorted.slice(split.length)
  const first = { bytes: restBytes + others.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) }
  const bins = Array.from({ length: jobs }, (_, i) => ({
    bytes: i === 0 ? first.bytes : 0,
    patterns: [] as string[],
  }))
  for (const { pattern, sizeBytes } of split) {
    const least = bins.reduce((a, b) => (b.bytes < a.bytes ? b : a))
    least.bytes += sizeBytes
    if (least !== bins[0]) least.patterns.push(pattern)
  }
  return bins.map(({ patterns }) => patterns).filter((patterns, i) => i === 0 || patterns.length > 0)
}
