/**
 * Copies of the hosts' audit trails, from one repository to another: when the first one is lost, the other still says who did
 * what. Written once and never changed, so what is there is right.
 */
import { isFault } from '../../base/fault.ts'
import type { Progress } from '../../base/progress.ts'
import { auditBatches, type StoredAuditBatch } from '../../repository/audit-batches.ts'
import { copySmallObject, isSealed, type OpenSides } from './copy-small-object.ts'
import type { LeftOut } from './plan.ts'
import { problemOf, type CopyProblem } from './report.ts'
import type { CopySide } from './sides.ts'

export interface TrailsToCopy {
  /** In the order of their entries. */
  readonly missing: readonly StoredAuditBatch[]
  /** What lies open and would have to lie open there, among what is sealed. */
  readonly left: readonly LeftOut[]
}

export const noTrails: TrailsToCopy = { missing: [], left: [] }

/** A destination that hosts send to by themselves may have the same entries in other objects: then nothing is missing. */
export async function trailsToCopy(
  from: CopySide,
  to: Pick<CopySide, 'name' | 'recipients'> & Partial<Pick<CopySide, 'repository'>>,
  signal: AbortSignal,
): Promise<TrailsToCopy> {
  // The destination first: what comes meanwhile is then seen as missing.
  const there = to.repository ? await Array.fromAsync(auditBatches(to.repository, {}, signal)) : []
  const source = await Array.fromAsync(auditBatches(from.repository, {}, signal))
  const byChain = Map.groupBy(there, ({ chain }) => chain)
  const lacking = source.filter(batch => !isCovered(batch, byChain.get(batch.chain) ?? []))
  const mayGo = ({ key }: StoredAuditBatch): boolean => isSealed(key) || to.recipients.length === 0
  return {
    missing: lacking.filter(mayGo),
    left: lacking
      .filter(batch => !mayGo(batch))
      .map(({ key }) => ({
        what: `trail ${key}`,
        why: `it is not encrypted, and "${to.name}" holds only what is`,
      })),
  }
}

/** `there`: of the same chain, in the order of their keys, which is that of their first entries. */
function isCovered(
  { first, last }: Pick<StoredAuditBatch, 'first' | 'last'>,
  there: readonly StoredAuditBatch[],
): boolean {
  let next = first
  for (const one of there) if (one.first <= next) next = Math.max(next, one.last + 1)
  return next > last
}

export interface CopiedTrails {
  readonly objects: number
  readonly bytes: number
  readonly problems: readonly CopyProblem[]
}

export async function copyTrails(
  sides: OpenSides,
  { missing }: Pick<TrailsToCopy, 'missing'>,
  progress: Progress,
  signal: AbortSignal,
): Promise<CopiedTrails> {
  const problems: CopyProblem[] = []
  let [objects, bytes] = [0, 0]
  for (const batch of missing) {
    try {
      bytes += await copySmallObject(sides, batch, progress, signal)
      objects++
    } catch (error) {
      signal.throwIfAborted()
      if (!isFault(error)) throw error
      problems.push(problemOf(batch.key, error))
    }
  }
  return { objects, bytes, problems }
}
