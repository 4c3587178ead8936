/**
 * Copies of the hosts' audit trails, from one repository to another: when the first one is lost, the other still says who did
 * what. Written once and never changed, so what is there is right.
 */
import { isFault } from '../../base/fault.ts'
import type { Progress } from '../../base/progress.ts'
import { readStoredTrails, type StoredAuditBatch, type StoredTrails } from '../../repository/audit-batches.ts'
import type { ObjectInfo } from '../../storage/storage.ts'
import { copySmallObject, isSealed, type OpenSides } from './copy-small-object.ts'
import type { LeftOut } from './plan.ts'
import { problemOf, type CopyProblem } from './report.ts'
import type { CopySide } from './sides.ts'

export interface TrailsToCopy {
  /** In the order of their entries; what says that older ones were let go comes first. */
  readonly missing: readonly Pick<ObjectInfo, 'key' | 'sizeBytes'>[]
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
  const there = to.repository ? await readStoredTrails(to.repository, signal) : nothing
  const source = await readStoredTrails(from.repository, signal)
  const lacking = source.batches.filter(batch => !isCovered(batch, there))
  const known = new Set(there.starts.map(({ key }) => key))
  const starts = source.starts.filter(({ key }) => !known.has(key))
  const mayGo = ({ key }: StoredAuditBatch): boolean => isSealed(key) || to.recipients.length === 0
  return {
    missing: [...starts, ...lacking.filter(mayGo)],
    left: lacking
      .filter(batch => !mayGo(batch))
      .map(({ key }) => ({
        what: `trail ${key}`,
        why: `it is not encrypted, and "${to.name}" holds only what is`,
      })),
  }
}

const nothing: StoredTrails = { batches: [], starts: [] }

/** By what is there, in the order of its first entries, which is that of its keys; or was let go there. */
function isCovered({ chain, first, last }: StoredAuditBatch, { batches, starts }: StoredTrails): boolean {
  const gone = starts.filter(start => start.chain === chain).map(({ n }) => n)
  let next = Math.max(first, ...gone.map(n => n + 1))
  for (const one of batches) if (one.chain === chain && one.first <= next) next = Math.max(next, one.last + 1)
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
