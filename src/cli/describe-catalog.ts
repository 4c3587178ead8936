/** What else than backups lies in the repositories, told line by line. */
import type { UnitedCatalog } from '../operations/sources/catalog.ts'
import type { UnitedDumps } from '../operations/sources/dumps.ts'
import type { UnitedManaged } from '../operations/managed/catalog.ts'
import type { ClosedSource } from '../operations/sources/source.ts'
import type { Output } from './output.ts'
import { counted } from './table.ts'

export function tellRest(
  output: Pick<Output, 'warn' | 'note'>,
  { awaiting, damaged, incomplete, conflicts, closed }: UnitedCatalog,
  alsoClosed: readonly ClosedSource[],
  hasSeveral: boolean,
): void {
  const at = (repository: string): string => (hasSeveral ? ` in ${repository}` : '')
  for (const source of [...alsoClosed, ...closed]) output.warn(notRead(source))
  for (const { repository, what } of awaiting)
    output.warn(`${what.id}${at(repository)} is copied whole, and waits for its WAL to arrive`)
  for (const { repository, what } of damaged)
    output.warn(`${what.id}${at(repository)} can not be read: ${what.fault.message}`)
  for (const { repository, what } of conflicts)
    output.warn(
      `${what} in ${repository} is another backup than the one of this name above: two servers, or two clusters, share a name`,
    )
  for (const [repository, entries] of Map.groupBy(incomplete, entry => entry.repository))
    output.note(
      `${counted(entries.length, 'unfinished backup')}${at(repository)}: ${entries.map(({ what }) => what.id).join(', ')}`,
    )
}

export function tellRestOfDumps(
  output: Pick<Output, 'warn' | 'note'>,
  { damaged, incomplete }: Pick<UnitedDumps, 'damaged' | 'incomplete'>,
  hasSeveral: boolean,
): void {
  const at = (repository: string): string => (hasSeveral ? ` in ${repository}` : '')
  for (const { repository, what } of damaged)
    output.warn(`${what.id}${at(repository)} can not be read: ${what.fault.message}`)
  for (const [repository, entries] of Map.groupBy(incomplete, entry => entry.repository))
    output.note(
      `${counted(entries.length, 'unfinished dump')}${at(repository)}: ${entries.map(({ what }) => what.id).join(', ')}`,
    )
}

export function tellRestOfManaged(
  output: Pick<Output, 'warn'>,
  { damaged }: Pick<UnitedManaged, 'damaged'>,
  hasSeveral: boolean,
): void {
  for (const { repository, what } of damaged)
    output.warn(`${what.id}${hasSeveral ? ` in ${repository}` : ''} can not be read: ${what.fault.message}`)
}

/** A repository that was passed over. */
export function notRead({ name, fault }: ClosedSource): string {
  return `repository ${name} can not be read, and is passed over: ${fault.message}`
}
