/**
 * Records of managed servers' snapshots, from one repository to another. What the vendor keeps stays where it is: a record
 * is all that is copied, so that the snapshot can be found when the first repository is lost.
 */
import { Fault } from '../../base/fault.ts'
import { managedIdPattern } from '../../repository/format/values.ts'
import type { ManagedRecord } from '../../repository/format/managed-json.ts'
import { putManaged, readAllManaged } from '../../repository/managed-records.ts'
import type { Repository } from '../../repository/repository.ts'
import type { CopySide } from './sides.ts'
import { problemOf, type CopyProblem } from './report.ts'

export interface ManagedDifference {
  readonly missing: readonly ManagedRecord[]
  readonly problems: readonly CopyProblem[]
}

export const isManagedId = (id: string): boolean => managedIdPattern.test(id)

/** What the source knows and the destination does not. `ids`: only these. */
export async function managedToCopy(
  from: CopySide,
  to: Repository | undefined,
  ids: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<ManagedDifference> {
  const wanted = ids?.filter(isManagedId)
  if (wanted?.length === 0) return { missing: [], problems: [] }
  const [source, destination] = await Promise.all([
    readAllManaged(from.repository, signal),
    to && readAllManaged(to, signal),
  ])
  const stray = wanted?.find(id => ![...source.records, ...source.damaged].some(one => one.id === id))
  if (stray !== undefined) throw noSuch(stray, from)
  const isWanted = ({ id }: { readonly id: string }): boolean => wanted?.includes(id) ?? true
  const there = new Set(
    [...(destination?.records ?? []), ...(destination?.damaged ?? [])].map(({ id }) => id),
  )
  return {
    missing: source.records.filter(one => isWanted(one) && !there.has(one.id)),
    problems: source.damaged
      .filter(one => isWanted(one) && !there.has(one.id))
      .map(({ id, fault }) => problemOf(`snapshot ${id}`, fault)),
  }
}

export async function copyManaged(
  { repository }: CopySide,
  records: readonly ManagedRecord[],
  signal: AbortSignal,
): Promise<void> {
  for (const record of records) await putManaged(repository, record, signal)
}

function noSuch(id: string, { name }: CopySide): Fault {
  return new Fault('BACKUP_NOT_FOUND', `there is no snapshot ${id} in "${name}"`, {
    hint: `Run \`holdfast list --repository ${name}\` to see the ids.`,
  })
}
