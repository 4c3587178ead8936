/** Which backup a restore begins with, and where it stops: the first candidate that leads to the target. */
import {
  candidatesFor,
  ownSegments,
  waysFor,
  withReach,
  type Candidate,
  type Rejected,
  type Way,
} from '../../policy/candidates.ts'
import type { BackupFacts } from '../../policy/backup-facts.ts'
import { horizonOf, whyTooLate } from '../../policy/horizon.ts'
import type { ArchiveView } from '../archive-view.ts'
import type { WalLookup } from '../wal-lookup.ts'
import type { Answer, NotReached } from './answer.ts'
import type { PlanRequest } from './plan-request.ts'
import { refusal, type PassedOver } from './refusal.ts'
import { resolverFor } from './resolvers.ts'

export interface Planning {
  readonly request: PlanRequest
  readonly backups: readonly BackupFacts[]
  readonly view: ArchiveView
  readonly lookup: WalLookup
  readonly segmentSizeBytes: number
}

export interface Chosen {
  readonly candidate: Candidate
  readonly answer: Exclude<Answer, NotReached>
  readonly rejected: readonly Rejected[]
}

/** Looks at everything. Refuses with all that is to be said. */
export async function chooseFromAll(planning: Planning): Promise<Chosen> {
  const { request, backups, view } = planning
  await view.lookAtAll()
  const { usable, rejected } = candidatesFor(backups, view.archive(), request)
  const resolve = resolverOf(planning)
  const passedOver: PassedOver[] = []
  for (const candidate of usable) {
    const answer = await resolve(candidate)
    if ('stop' in answer) return { candidate, answer, rejected: [...rejected, ...passedOver.map(asRejected)] }
    passedOver.push({ ...answer, candidate })
    if (answer.isFinal === true) break
  }
  throw refusal(request.target, passedOver, rejected)
}

/**
 * The same choice, by the WAL from the backup to the target alone. Undefined when that does not lead to the target, for
 * then it takes everything to say why.
 */
export async function chooseNearby(planning: Planning): Promise<Chosen | undefined> {
  const { request, backups, view } = planning
  const { target } = request
  // Those are found by reading all WAL from a backup on: to list it is nothing beside that.
  if (view.isWhole || target.kind === 'xid' || target.kind === 'name') return undefined
  const { ways, rejected } = waysFor(backups, view.archive(), request)
  const why = [...rejected]
  for (const way of ways) {
    const found = await lookNear(planning, way)
    if (found === undefined) return undefined
    if ('answer' in found) return { ...found, rejected: why }
    why.push(found)
  }
  return undefined
}

async function lookNear(
  planning: Planning,
  way: Way,
): Promise<Pick<Chosen, 'candidate' | 'answer'> | Rejected | undefined> {
  const { request, backups, view, segmentSizeBytes } = planning
  const { id } = way.backup
  const late = whyTooLate(request.target, way.backup)
  if (late !== undefined) return { id, why: late }
  const { first } = ownSegments(way.backup, segmentSizeBytes)
  const horizon = horizonOf(request.target, way, backups, segmentSizeBytes)
  for (const last of new Set([horizon, undefined])) {
    await view.lookAlong(way.path, first, last)
    const candidate = withReach(way, view.archive())
    if ('why' in candidate) return candidate
    const answer = await resolverOf(planning)(candidate)
    if ('stop' in answer) return { candidate, answer }
    if (answer.side === 'too late') return { id, why: answer.why }
  }
  return undefined
}

function resolverOf({ request, segmentSizeBytes, lookup }: Planning): ReturnType<typeof resolverFor> {
  const { target, acceptGap } = request
  return resolverFor({ target, acceptGap, segmentSizeBytes, lookup })
}

const asRejected = ({ candidate, why }: PassedOver): Rejected => ({ id: candidate.backup.id, why })
