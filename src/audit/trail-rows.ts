/** From entries to what people ask for: an operation is one row, whether its end was entered or not. Decides only. */
import type { Begun, Ended, Entry, Facts, KeyUse, Result, What, Who } from './entry.ts'

export interface TrailRow {
  readonly chain: string
  /** Of the entry that tells the most. */
  readonly n: number
  readonly operation: string
  /** Of an operation its command, else what it is about: `hook`. */
  readonly verb: string
  readonly startedAt: string
  /** Null: it was killed, or is not over. */
  readonly endedAt: string | null
  readonly state: Result['state'] | 'unended' | 'note'
  readonly who: Who
  readonly what: What | null
  readonly result: Omit<Result, 'state'> | null
  readonly keys: readonly KeyUse[]
  /** Of what is entered by itself within an operation. */
  readonly facts: Facts | null
}

export interface TrailFilter {
  readonly sinceMs?: number | undefined
  readonly untilMs?: number | undefined
  readonly verb?: string | undefined
  readonly user?: string | undefined
  readonly state?: TrailRow['state'] | undefined
  readonly repository?: string | undefined
  readonly keys?: boolean | undefined
}

/** Takes entries as they come; keeps what fits the filter. */
export class TrailRows {
  readonly #filter: TrailFilter
  readonly #rows: TrailRow[] = []
  readonly #begun = new Map<string, Begun & Entry>()

  constructor(filter: TrailFilter) {
    this.#filter = filter
  }

  take(entry: Entry): void {
    switch (entry.event) {
      case 'begun':
        this.#begun.set(entry.operation, entry)
        return
      case 'ended':
        this.#begun.delete(entry.operation)
        this.#add(endedRow(entry))
        return
      case 'note':
        this.#add(
          rowOf(entry, entry, {
            verb: entry.about,
            startedAt: entry.at,
            endedAt: entry.at,
            state: 'note',
            facts: entry.facts,
          }),
        )
        return
      case 'mended':
        this.#add(
          rowOf(
            entry,
            { who: entry.who, operation: '' },
            {
              verb: 'audit mended',
              startedAt: entry.at,
              endedAt: entry.at,
              state: 'note',
              facts: { bytes: entry.bytes, removed: entry.removed },
            },
          ),
        )
        return
      case 'chain':
    }
  }

  /** In the order in which they began. */
  end(): readonly TrailRow[] {
    for (const begun of this.#begun.values())
      this.#add(
        rowOf(begun, begun, {
          verb: begun.what.verb,
          startedAt: begun.at,
          endedAt: null,
          state: 'unended',
          what: begun.what,
        }),
      )
    return this.#rows.toSorted((a, b) => a.startedAt.localeCompare(b.startedAt) || a.n - b.n)
  }

  #add(row: TrailRow): void {
    if (fits(row, this.#filter)) this.#rows.push(row)
  }
}

function endedRow(entry: Ended & Entry): TrailRow {
  const { state, ...result } = entry.result
  return rowOf(entry, entry, {
    verb: entry.what.verb,
    startedAt: entry.startedAt,
    endedAt: entry.at,
    state,
    what: entry.what,
    result,
    keys: entry.keys,
  })
}

type Told = Pick<TrailRow, 'verb' | 'startedAt' | 'endedAt' | 'state'> &
  Partial<Pick<TrailRow, 'what' | 'result' | 'keys' | 'facts'>>

function rowOf(
  { chain, n }: Entry,
  { who, operation }: { readonly who: Who; readonly operation: string },
  told: Told,
): TrailRow {
  const { startedAt, endedAt, verb, state, what = null, result = null, keys = [], facts = null } = told
  return { startedAt, endedAt, verb, state, who, what, result, keys, facts, operation, chain, n }
}

function fits(row: TrailRow, filter: TrailFilter): boolean {
  const { sinceMs, untilMs, verb, user, state, repository, keys } = filter
  return (
    (sinceMs === undefined || Date.parse(row.endedAt ?? row.startedAt) >= sinceMs) &&
    (untilMs === undefined || Date.parse(row.startedAt) < untilMs) &&
    (verb === undefined || row.verb === verb) &&
    (user === undefined || row.who.user === user || row.who.sudoUser === user) &&
    (state === undefined || row.state === state) &&
    (repository === undefined || row.what?.repositories.includes(repository) === true) &&
    (keys !== true || row.keys.length > 0)
  )
}
