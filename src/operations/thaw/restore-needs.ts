/** What of a planned restore lies in the cold: in repositories from which alone it can be read. */
import { inParallel } from '../../base/in-parallel.ts'
import { limits } from '../../base/limits.ts'
import type { RestorePlan } from '../../policy/restore-plan.ts'
import { backupFolder, walKey, walNameOf, walPrefix } from '../../repository/layout.ts'
import type { ObjectInfo } from '../../storage/storage.ts'
import type { KnownBackup } from '../sources/catalog.ts'
import type { Source } from '../sources/source.ts'
import type { UnitedWal } from '../sources/wal.ts'
import { coldUnder, type ColdObject } from './find-cold.ts'

export interface ColdNeed extends ColdObject {
  readonly source: Pick<Source, 'name' | 'repository' | 'storage'>
}

export interface RestoreParts {
  readonly plan: Pick<RestorePlan, 'chain' | 'wal'>
  /** All that are known. */
  readonly backups: readonly KnownBackup[]
  /** In the order in which they are read. */
  readonly sources: readonly Source[]
  readonly wal: Pick<UnitedWal, 'areElsewhere'>
}

/** Empty: everything can be read at once. */
export async function coldNeeds(parts: RestoreParts, signal: AbortSignal): Promise<readonly ColdNeed[]> {
  const chain = new Set(parts.plan.chain.map(({ id }) => id))
  const needed = parts.backups.filter(({ summary }) => chain.has(summary.id))
  const ofBackups = await Promise.all(needed.map(backup => coldOfBackup(backup, signal)))
  return [...ofBackups.flat(), ...(await coldOfWal(parts, signal))]
}

/** All of one backup, without what it is based on. */
export const coldOfBackup = (
  { summary: { id }, sources }: KnownBackup,
  signal: AbortSignal,
): Promise<readonly ColdNeed[]> =>
  coldOfCopies(
    sources.map(source => ({
      source,
      folder: `${backupFolder(source.repository.identity.cluster, id)}/`,
    })),
    signal,
  )

export interface CopyPlace {
  readonly source: Source
  /** Ends in `/`. */
  readonly folder: string
  /** Everything in it unless told otherwise. */
  readonly isNeeded?: ((key: string) => boolean) | undefined
}

/** A copy that can be read at once makes good for one that can not. */
export async function coldOfCopies(
  copies: readonly CopyPlace[],
  signal: AbortSignal,
): Promise<readonly ColdNeed[]> {
  let first: readonly ColdNeed[] | undefined
  for (const { source, folder, isNeeded } of copies) {
    const cold = await coldUnder(source.repository.storage, folder, signal, isNeeded)
    if (cold.every(({ state }) => state.is === 'readable')) return []
    first ??= cold.map(object => ({ ...object, source }))
  }
  return first ?? []
}

/** Of WAL that lies only where there are cold classes. */
async function coldOfWal(
  { plan, sources, wal }: RestoreParts,
  signal: AbortSignal,
): Promise<readonly ColdNeed[]> {
  const mayBeCold = sources.filter(({ repository }) => repository.storage.thawing !== undefined)
  const names = mayBeCold.map(({ name }) => name)
  const { segments, partial } = plan.wal
  const planned = [...segments, ...(partial === undefined ? [] : [partial])]
  const left = new Set(planned.filter(name => !wal.areElsewhere([name], names)))
  const cold = new Map<string, ColdNeed>()
  for (const source of mayBeCold) {
    const { thawing } = source.repository.storage
    const judge = async ([name, info]: readonly [string, ObjectInfo], stop: AbortSignal): Promise<void> => {
      const { key, sizeBytes, storageClass = '' } = info
      const state = thawing?.isCold(storageClass) === true ? await thawing.state(key, stop) : undefined
      if (state !== undefined && state.is !== 'readable') {
        if (!cold.has(name)) cold.set(name, { key, sizeBytes, storageClass, state, source })
        return
      }
      left.delete(name)
      cold.delete(name)
    }
    await inParallel(await filesIn(source, left, signal), limits.thawParallel, judge, signal)
  }
  return [...cold.values()]
}

async function filesIn(
  { repository: { storage, identity } }: Source,
  names: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<readonly (readonly [string, ObjectInfo])[]> {
  const files = new Map<string, ObjectInfo>()
  for (const [timeline, ofTimeline] of Map.groupBy([...names].sort(), name => name.slice(0, 8))) {
    const [first = '', last = ''] = [ofTimeline[0], ofTimeline.at(-1)]
    const range = {
      prefix: `${walPrefix(identity.cluster)}${timeline}/`,
      after: walKey(identity.cluster, first, ''),
    }
    for await (const info of storage.list(range, signal)) {
      const name = walNameOf(identity.cluster, info.key) ?? ''
      if (names.has(name) && !files.has(name)) files.set(name, info)
      if (name.slice(0, 24) > last) break
    }
  }
  return [...files]
}
