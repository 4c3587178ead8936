/** The drills of several repositories as one list: each once, with the repositories that have it. */
import type { Fault } from '../../../base/fault.ts'
import { readDrills } from '../../../repository/drill-catalog.ts'
import type { DrillSummary } from '../../../repository/format/drill-record.ts'
import type { ClosedSource, Source } from '../../sources/source.ts'
import { isRepositoryTrouble } from '../../sources/trouble.ts'

export interface KnownDrill {
  /** As the first of the repositories has it. */
  readonly summary: DrillSummary
  /** Those that have it, in the order in which they are read. */
  readonly sources: readonly [Source, ...Source[]]
}

export interface UnitedDrills {
  /** Oldest first. */
  readonly drills: readonly KnownDrill[]
  readonly damaged: readonly { readonly repository: string; readonly id: string; readonly fault: Fault }[]
  /** Repositories whose drills could not be read. */
  readonly closed: readonly ClosedSource[]
}

export async function readAllDrills(sources: readonly Source[], signal: AbortSignal): Promise<UnitedDrills> {
  const closed: ClosedSource[] = []
  const read = await Promise.all(
    sources.map(async source => {
      try {
        return [{ source, catalog: await readDrills(source.repository, signal) }]
      } catch (error) {
        if (!isRepositoryTrouble(error)) throw error
        closed.push({ name: source.name, fault: error })
        return []
      }
    }),
  )
  const there = read.flat()
  const held = there.flatMap(({ source, catalog }) => catalog.drills.map(summary => ({ source, summary })))
  const byId = Map.groupBy(held, ({ summary }) => summary.id)
  return {
    drills: [...byId.values()]
      .flatMap(([first, ...others]): KnownDrill[] =>
        first
          ? [{ summary: first.summary, sources: [first.source, ...others.map(({ source }) => source)] }]
          : [],
      )
      .toSorted((a, b) => (a.summary.id < b.summary.id ? -1 : 1)),
    damaged: there.flatMap(({ source, catalog }) =>
      catalog.damaged.map(({ id, fault }) => ({ repository: source.name, id, fault })),
    ),
    closed,
  }
}
