/** Whether the newest way back out of a repository lies in the cold, whoever moved it there, and how long a thaw takes. */
import { estimateThaw, type ThawAmount } from '../../policy/cost/thaw-estimate.ts'
import type { PriceTable } from '../../policy/cost/prices.ts'
import { backupFolder, dumpFolder } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import { coldUnder } from './find-cold.ts'
import { amountsOf, providerOf } from './thaw.ts'

interface Ended {
  readonly id: string
  readonly endedAt: string
}

export interface WaysBack {
  readonly backups: readonly (Ended & { readonly kind: string })[]
  readonly dumps?: readonly Ended[] | undefined
}

/** What has to be thawed before it can be read. */
export interface ColdNewest {
  readonly id: string
  readonly amounts: readonly ThawAmount[]
}

/** Undefined: it can be read at once, or there is none. */
export async function coldNewest(
  { storage, identity: { cluster } }: Pick<Repository, 'storage' | 'identity'>,
  ways: WaysBack,
  signal: AbortSignal,
): Promise<ColdNewest | undefined> {
  const { full, dump } = newestWay(ways)
  const id = (full ?? dump)?.id
  if (id === undefined || !storage.thawing) return undefined
  const folder = full ? backupFolder(cluster, id) : dumpFolder(cluster, id)
  const cold = (await coldUnder(storage, `${folder}/`, signal)).filter(({ state }) => state.is !== 'readable')
  return cold.length === 0 ? undefined : { id, amounts: amountsOf(cold) }
}

/** A full backup, or a dump where there is none. */
export function newestWay<B extends Ended & { readonly kind: string }, D extends Ended>({
  backups,
  dumps = [],
}: {
  readonly backups: readonly B[]
  readonly dumps?: readonly D[] | undefined
}): { readonly full: B | undefined; readonly dump: D | undefined } {
  const full = newestOf(backups.filter(({ kind }) => kind === 'full'))
  return { full, dump: full ? undefined : newestOf(dumps) }
}

function newestOf<T extends Ended>(all: readonly T[]): T | undefined {
  return all.toSorted((a, b) => Date.parse(a.endedAt) - Date.parse(b.endedAt)).at(-1)
}

export interface ThawTime {
  readonly bytes: number
  readonly leastMs: number
  readonly mostMs: number
}

/** As `--thaw` does it when no speed is named. Undefined: nobody knows how long it takes. */
export function thawTime(table: PriceTable, url: string, { amounts }: ColdNewest): ThawTime | undefined {
  const question = { provider: providerOf(url), region: undefined, speed: 'standard', days: 1, amounts }
  const { leastMs, mostMs } = estimateThaw(table, question)
  if (leastMs === undefined || mostMs === undefined) return undefined
  return { bytes: amounts.reduce((sum, { bytes }) => sum + bytes, 0), leastMs, mostMs }
}
