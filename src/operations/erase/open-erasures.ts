/**
 * The requests to forget a person of all repositories, as one list: each from the first that has it, withdrawn when any says so.
 */
import { isFault } from '../../base/fault.ts'
import { isArchiveName } from '../sources/archive-name.ts'
import type { ClosedSource, Source } from '../sources/source.ts'
import type {
  ErasureRecord,
  ErasureSecret,
  WithdrawalRecord,
} from '../../repository/format/erasure-record.ts'
import { readErasures, readErasureSecret, type KnownErasure } from '../../repository/erasures.ts'

export interface UnitedErasure {
  readonly record: ErasureRecord
  readonly withdrawal: WithdrawalRecord | undefined
  /** Where it lies, the one to read from first. */
  readonly places: readonly { readonly source: Source; readonly known: KnownErasure }[]
}

export interface UnitedErasures {
  /** Oldest first. */
  readonly all: readonly UnitedErasure[]
  /** Repositories of which they could not be read: what only these hold is not known. */
  readonly unread: readonly ClosedSource[]
}

/** Fails when no repository can be read: nobody knows then who is to be forgotten. */
export async function uniteErasures(
  sources: readonly Source[],
  signal: AbortSignal,
): Promise<UnitedErasures> {
  const places = new Map<string, { source: Source; known: KnownErasure }[]>()
  const unread: ClosedSource[] = []
  const repositories = sources.filter(({ name }) => !isArchiveName(name))
  let last: unknown
  for (const source of repositories) {
    try {
      for (const known of await readErasures(source.repository, signal))
        places.set(known.record.id, [...(places.get(known.record.id) ?? []), { source, known }])
    } catch (error) {
      signal.throwIfAborted()
      if (!isFault(error)) throw error
      last = error
      unread.push({ name: source.name, fault: error })
    }
  }
  if (unread.length > 0 && unread.length === repositories.length) throw last
  return { all: [...places.values()].flatMap(unite).toSorted(byId), unread }
}

function unite(
  places: readonly { readonly source: Source; readonly known: KnownErasure }[],
): UnitedErasure[] {
  const [first] = places
  if (!first) return []
  const withdrawal = places.map(({ known }) => known.withdrawal).find(one => one !== undefined)
  return [{ record: first.known.record, withdrawal, places }]
}

const byId = (a: UnitedErasure, b: UnitedErasure): number => (a.record.id < b.record.id ? -1 : 1)

export interface OpenedErasure {
  readonly record: ErasureRecord
  readonly secret: ErasureSecret
}

/** Of those that are not withdrawn, with what they say. Fails when one can not be opened. */
export async function openErasures(
  { all }: UnitedErasures,
  signal: AbortSignal,
): Promise<readonly OpenedErasure[]> {
  const opened: OpenedErasure[] = []
  for (const erasure of all.filter(({ withdrawal }) => withdrawal === undefined))
    opened.push({ record: erasure.record, secret: await openSecret(erasure, signal) })
  return opened
}

/** From the first repository that has it whole. */
export async function openSecret({ places }: UnitedErasure, signal: AbortSignal): Promise<ErasureSecret> {
  let trouble: unknown
  for (const { source, known } of places) {
    try {
      return await readErasureSecret(source.repository, known, source.identities, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (!isFault(error)) throw error
      trouble ??= error
    }
  }
  throw trouble
}
