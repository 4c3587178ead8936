/** Holds a host's trail against its copy in a repository, by the names of the objects there. Decides only. */
import type { ChainProblem } from '../../audit/check-chain.ts'
import type { Head } from '../../audit/entry.ts'
import type { AuditBatch } from '../../repository/audit-batches.ts'

export interface CopyComparison {
  /** Entries of this chain there, from the first one on. */
  readonly copied: number
  /** Entries that are here only. */
  readonly owed: number
  readonly problems: readonly ChainProblem[]
}

export interface OwnTrailFacts {
  readonly head: Head | undefined
  /** Of the entries here that the names tell of, see `numbersIn`. */
  readonly hashes: ReadonlyMap<number, string>
  /** The first entry that is here: what was before was let go. */
  readonly first: number
  /** Entries up to this one may have been let go there. */
  readonly mayLack: number
}

export function compareCopy(
  name: string,
  { head, hashes, first: firstHere, mayLack }: OwnTrailFacts,
  batches: readonly AuditBatch[],
): CopyComparison {
  const problems: ChainProblem[] = []
  const chain = head?.chain ?? batches[0]?.chain
  const tell = (n: number, message: string): void => void problems.push({ chain, n, message })
  const here = head?.n ?? 0
  let copied = 0
  let cut = here
  for (const { first, last, hash } of batches.toSorted((a, b) => a.first - b.first || a.last - b.last)) {
    const isBegin = copied === 0 && first - 1 <= mayLack
    if (first > copied + 1 && !isBegin)
      tell(copied + 1, `repository ${name} lacks ${entries(copied + 1, first - 1)}`)
    const own = hashes.get(last)
    if (last >= firstHere && last <= here && own !== hash)
      tell(
        last,
        own === undefined
          ? `entry ${String(last)} is in repository ${name}, and not here`
          : `entry ${String(last)} is another one here than in repository ${name}: one of them was replaced`,
      )
    copied = Math.max(copied, last)
    cut = Math.max(cut, last)
  }
  if (cut > here)
    tell(
      here + 1,
      `repository ${name} has ${entries(here + 1, cut)}, and here the trail ends before: its end was cut off`,
    )
  return { copied, owed: Math.max(0, here - copied), problems }
}

/** Which entries' hashes are needed. */
export const numbersIn = (batches: readonly AuditBatch[]): ReadonlySet<number> =>
  new Set(batches.map(({ last }) => last))

const entries = (first: number, last: number): string =>
  first === last ? `entry ${String(first)}` : `entries ${String(first)} to ${String(last)}`
