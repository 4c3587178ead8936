/** The parts in which an archive is restored: before the rows, the rows, and after them. */
import { sections, type TocEntry } from './archive.ts'
import { isSetting } from './convert.ts'

export interface DataPart {
  /** Rows of tables, and large objects. */
  readonly withData: readonly TocEntry[]
  /** Statements that come before them: values of sequences, large objects without their content. */
  readonly before: readonly TocEntry[]
  /** Statements that come after them: statistics of the tables. */
  readonly after: readonly TocEntry[]
}

/**
 * What is restored between pg_restore's sections `pre-data` and `post-data`. An entry that belongs to no section, as a
 * comment or privileges, goes with the one before it, as pg_restore has it.
 */
export function dataPart(entries: readonly TocEntry[]): DataPart {
  let section: number = sections.preData
  const own: TocEntry[] = []
  for (const entry of entries) {
    if (entry.section !== sections.none) section = entry.section
    if (section === sections.data && !isSetting(entry)) own.push(entry)
  }
  const isStatistics = ({ kind }: TocEntry): boolean => kind === 'STATISTICS DATA'
  return {
    withData: own.filter(({ hasData }) => hasData),
    before: own.filter(entry => !entry.hasData && !isStatistics(entry)),
    after: own.filter(isStatistics),
  }
}
