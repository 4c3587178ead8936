/**
 * The WAL of several repositories as one archive: each file from the first that has it whole.
 *
 * "It does not exist" is an answer that PostgreSQL promotes on. So it is given only when every repository gives it; when
 * one could not be asked, or what it has is damaged, and no other has the file, that is thrown.
 */
import { limits } from '../../base/limits.ts'
import type { Clock } from '../../base/world.ts'
import type { WalEntry } from '../../repository/wal-list.ts'
import type { WalStore } from '../../repository/wal-store.ts'
import { askInTurn } from './ask-in-turn.ts'
import { Outages } from './outages.ts'
import { nowhere, type TroubleLog } from './trouble.ts'

export type ReadableWal = Pick<WalStore, 'get' | 'head' | 'list' | 'survey'>

export interface WalPlace<Store = ReadableWal> {
  /** The repository's name. */
  readonly name: string
  /** Opens it when it is first needed; the same one each time. */
  readonly open: () => Promise<Store>
}

export interface UniteOptions {
  readonly clock: Clock
  readonly troubles: TroubleLog
  /** How long one is waited for before the next is asked as well. */
  readonly hedgeMs?: number
}

/** Fetches one thing from the first place that has it. */
export type FromFirst<Store> = <T>(
  what: string,
  ask: (store: Store) => Promise<T | undefined>,
  signal: AbortSignal,
) => Promise<T | undefined>

export function fromFirstWal<Store>(
  places: readonly WalPlace<Store>[],
  { clock, troubles, hedgeMs = limits.sourceHedgeMs }: UniteOptions,
): FromFirst<Store> {
  const outages = new Outages(clock)
  return async (what, ask, signal) => {
    const order = places.toSorted((a, b) => Number(isOut(a)) - Number(isOut(b)))
    const { found, failures } = await askInTurn(
      order,
      ({ name, open }) => outages.unlessOut(name, async () => ask(await open())),
      { clock, hedgeMs },
      signal,
    )
    if (!found && failures.length > 0) {
      const lacking = places.filter(place => !failures.some(failure => failure.place === place))
      throw nowhere(
        what,
        failures.map(named),
        places.length,
        lacking.map(({ name }) => name),
      )
    }
    for (const { place, fault } of found ? failures : []) {
      const { code, message } = fault
      troubles.add({ repository: place.name, object: what, code, message, instead: found?.place.name })
    }
    return found?.value
  }

  function isOut({ name }: WalPlace<Store>): boolean {
    return outages.recent(name) !== undefined
  }
}

const named = <F>({
  place,
  fault,
}: {
  place: { name: string }
  fault: F
}): { repository: string; fault: F } => ({
  repository: place.name,
  fault,
})

export interface UnitedWal extends ReadableWal {
  /** Of the files that have been listed: whether they are all in repositories other than these. */
  areElsewhere(names: readonly string[], lost: readonly string[]): boolean
}

export function uniteWal(places: readonly WalPlace[], options: UniteOptions): UnitedWal {
  const fromFirst = fromFirstWal(places, options)
  const holders = new Map<string, Set<string>>()
  return {
    get: (name, signal) => fromFirst(name, store => store.get(name, signal), signal),
    head: (name, signal) => fromFirst(name, store => store.head(name, signal), signal),
    async *list(what, signal) {
      const lists = await fromAll(places, options, store => Array.fromAsync(store.list(what, signal)), signal)
      yield* merged(lists.map(({ place, value }) => ({ place, files: value })))
    },
    async survey(signal) {
      const surveys = await fromAll(places, options, store => store.survey(signal), signal)
      return {
        files: [...merged(surveys.map(({ place, value: { files } }) => ({ place, files })))],
        isWhole: surveys.every(({ value: { isWhole } }) => isWhole),
      }
    },
    areElsewhere: (names, lost) =>
      names.every(name => [...(holders.get(name) ?? [])].some(holder => !lost.includes(holder))),
  }

  /** Each file once, also when it was listed before; all who hold it are remembered. */
  function* merged(
    lists: readonly { readonly place: string; readonly files: readonly WalEntry[] }[],
  ): Iterable<WalEntry> {
    const seen = new Set<string>()
    for (const { place, files } of lists) {
      for (const file of files) {
        holders.set(file.name, (holders.get(file.name) ?? new Set()).add(place))
        if (!seen.has(file.name)) yield file
        seen.add(file.name)
      }
    }
  }
}

/** Asks all of them at once. One that can not be listed is passed over, and told. */
async function fromAll<T>(
  places: readonly WalPlace[],
  { troubles, clock }: UniteOptions,
  ask: (store: ReadableWal) => Promise<T>,
  signal: AbortSignal,
): Promise<readonly { readonly place: string; readonly value: T }[]> {
  const answers: { place: string; value: T }[] = []
  const askOne = async ({ name, open }: WalPlace): Promise<true> => {
    answers.push({ place: name, value: await ask(await open()) })
    return true
  }
  const outcomes = await Promise.all(
    places.map(place => askInTurn([place], askOne, { clock, hedgeMs: limits.sourceHedgeMs }, signal)),
  )
  const failures = outcomes.flatMap(({ failures: failed }) => failed.map(named))
  if (answers.length === 0) throw nowhere('the list of its WAL', failures, places.length)
  for (const { repository, fault } of failures) {
    const { code, message } = fault
    troubles.add({ repository, object: undefined, code, message, instead: answers[0]?.place })
  }
  return places.flatMap(({ name }) => answers.filter(({ place }) => place === name))
}
