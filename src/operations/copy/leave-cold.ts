/**
 * What of a copy lies in a class that has to be thawed first: it is left where it is, and told, and all that can be read is
 * copied. What another repository has is taken from there.
 */
import { inParallel } from '../../base/in-parallel.ts'
import { limits } from '../../base/limits.ts'
import { folderOfCommit, keyOfCommit, nameOfCommit } from '../../repository/commit-record.ts'
import { coldUnder, type ColdObject } from '../thaw/find-cold.ts'
import type { StoredWal } from './holdings.ts'
import { sumOf, totalsOf, type BackupStep, type CopyPlan, type CopyStep, type WalStep } from './plan.ts'
import type { DumpStep } from './plan-dumps.ts'
import type { CopySide } from './sides.ts'
import { sameName } from './wal-job.ts'

/** What can not be read now. */
export interface ColdParts {
  /** By the id of the backup or dump that they are of. */
  readonly commits: ReadonlyMap<string, readonly ColdObject[]>
  /** By the name of the WAL file. */
  readonly wal: ReadonlyMap<string, ColdObject>
}

export interface ColdLeft {
  /** A backup, a dump, or WAL. */
  readonly what: string
  readonly why: string
  /** None when it only needs something else that is cold. */
  readonly objects: readonly ColdObject[]
}

export const nothingCold: ColdParts = { commits: new Map(), wal: new Map() }

/** Opens `others` only when something is cold. */
export async function findCold(
  { from, others }: { readonly from: CopySide; readonly others: () => AsyncIterable<CopySide> },
  { steps, unread }: Pick<CopyPlan, 'steps' | 'unread'>,
  signal: AbortSignal,
): Promise<ColdParts> {
  const { storage, identity } = from.repository
  const { thawing } = storage
  if (!thawing) return nothingCold
  const commits = new Map<string, readonly ColdObject[]>()
  const findIn = async (id: string, stop: AbortSignal): Promise<void> => {
    const objects = await coldUnder(storage, `${folderOfCommit(identity.cluster, id)}/`, stop)
    const cold = objects.filter(isNotReadable)
    if (cold.length === 0) return
    const record = keyOfCommit(identity.cluster, id)
    const isThere = ({ repository }: CopySide): Promise<unknown> => repository.storage.stat(record, stop)
    // Objects may come from anywhere; the record, which says what they are, is the source's own.
    const isRecordCold = cold.some(({ key }) => key === record)
    if (isRecordCold || !(await isAnywhere(others, isThere))) commits.set(id, cold)
  }
  const ids = [
    ...steps.flatMap(step => ('record' in step ? [step.record.id] : [])),
    ...unread.map(({ id }) => id),
  ]
  await inParallel(ids, limits.thawParallel, findIn, signal)
  const wal = new Map<string, ColdObject>()
  const look = async (file: StoredWal, stop: AbortSignal): Promise<void> => {
    const { name, key, sizeBytes, storageClass = '' } = file
    const object = { key, sizeBytes, storageClass, state: await thawing.state(key, stop) }
    if (isNotReadable(object) && !(await isAnywhere(others, side => sameName(side, file, stop))))
      wal.set(name, object)
  }
  const files = steps.flatMap(step => (step.kind === 'wal' ? step.files : []))
  const cold = files.filter(({ storageClass }) => thawing.isCold(storageClass))
  await inParallel(cold, limits.thawParallel, look, signal)
  return { commits, wal }
}

const isNotReadable = ({ state }: ColdObject): boolean => state.is !== 'readable'

async function isAnywhere(
  others: () => AsyncIterable<CopySide>,
  isThere: (side: CopySide) => Promise<unknown>,
): Promise<boolean> {
  for await (const side of others()) if ((await isThere(side)) !== undefined) return true
  return false
}

/** Decides only: the plan without what is cold, and what that is. */
export function leaveCold(
  plan: CopyPlan,
  parts: ColdParts,
): { readonly plan: CopyPlan; readonly cold: readonly ColdLeft[] } {
  const { commits, wal } = parts
  const cold = plan.unread.map(({ id, why }): ColdLeft => ({
    what: nameOfCommit(id),
    why,
    objects: commits.get(id) ?? [],
  }))
  const left = new Set<string>()
  const steps = plan.steps.flatMap((step): CopyStep[] => {
    if ('files' in step) return step.kind === 'check' ? [step] : withoutCold(step, wal)
    const { id } = step.record
    const why = reasonAgainst(step, parts, left)
    if (why === undefined) return [step]
    left.add(id)
    cold.push({ what: nameOfCommit(id), why, objects: commits.get(id) ?? [] })
    return []
  })
  if (wal.size > 0) cold.push(coldWal(wal))
  return { plan: { ...plan, steps, totals: totalsOf(steps) }, cold }
}

function withoutCold(step: WalStep, wal: ColdParts['wal']): CopyStep[] {
  const files = step.files.filter(({ name }) => !wal.has(name))
  if (files.length === step.files.length) return [step]
  return files.length === 0 ? [] : [{ ...step, files, bytes: sumOf(files) }]
}

function reasonAgainst(
  step: BackupStep | DumpStep,
  { commits, wal }: ColdParts,
  left: ReadonlySet<string>,
): string | undefined {
  if (commits.has(step.record.id)) return 'its objects can not be read before that'
  if (step.kind === 'dump') return undefined
  const { parent } = step.record
  if (parent !== null && left.has(parent))
    return `it is based on ${parent}, which can not be read before that`
  const needed = step.needs.find(name => wal.has(name))
  return needed === undefined ? undefined : `it needs ${needed}, which can not be read before that`
}

function coldWal(wal: ColdParts['wal']): ColdLeft {
  const names = [...wal.keys()].sort()
  const [first = '', last = ''] = [names[0], names.at(-1)]
  const what =
    names.length === 1 ? `WAL file ${first}` : `${String(names.length)} WAL files, ${first} to ${last}`
  return { what, why: 'it can not be read before that', objects: [...wal.values()] }
}
