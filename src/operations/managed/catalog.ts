/** Snapshots of managed servers as several repositories know them: each once, with the repositories that have its record. */
import type { Fault } from '../../base/fault.ts'
import type { ManagedRecord } from '../../repository/format/managed-json.ts'
import { readAllManaged } from '../../repository/managed-records.ts'
import type { ClosedSource, Source } from '../sources/source.ts'
import { isRepositoryTrouble } from '../sources/trouble.ts'

export interface KnownManaged {
  readonly record: ManagedRecord
  /** In the order in which they are read. */
  readonly repositories: readonly string[]
}

export interface UnitedManaged {
  /** Oldest first. */
  readonly known: readonly KnownManaged[]
  readonly damaged: readonly {
    readonly repository: string
    readonly what: { readonly id: string; readonly fault: Fault }
  }[]
  readonly closed: readonly ClosedSource[]
}

export async function uniteManaged(
  sources: readonly Pick<Source, 'name' | 'repository'>[],
  signal: AbortSignal,
): Promise<UnitedManaged> {
  const closed: ClosedSource[] = []
  const read = await Promise.all(
    sources.map(async ({ name, repository }) => {
      try {
        return { name, catalog: await readAllManaged(repository, signal) }
      } catch (error) {
        if (!isRepositoryTrouble(error)) throw error
        closed.push({ name, fault: error })
        return undefined
      }
    }),
  )
  const there = read.filter(each => each !== undefined)
  const copies = there.flatMap(({ name, catalog }) => catalog.records.map(record => ({ name, record })))
  const byId = Map.groupBy(copies, ({ record }) => record.id)
  return {
    known: [...byId.values()]
      .flatMap(([first, ...rest]) =>
        first ? [{ record: first.record, repositories: [first, ...rest].map(({ name }) => name) }] : [],
      )
      .toSorted((a, b) => (a.record.id < b.record.id ? -1 : 1)),
    damaged: there.flatMap(({ name, catalog }) => catalog.damaged.map(what => ({ repository: name, what }))),
    closed,
  }
}
