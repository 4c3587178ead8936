/** Decides whether lines are a chain: each entry whole, and each the one after the one before. Decides only. */
import { headOf, parseEntry, type Entry, type Head } from './entry.ts'

export interface ChainProblem {
  readonly chain: string | undefined
  /** Around which entry; undefined: nobody can tell. */
  readonly n: number | undefined
  readonly message: string
}

export class ChainCheck {
  readonly #problems: ChainProblem[] = []
  #begin: (Head & { readonly problem: ChainProblem }) | undefined
  #head: { readonly chain: string; readonly n: number; readonly hash: string | undefined } | undefined
  #count = 0
  #first = 1

  /** `from`: the chain is known up to there. Without it, it has to begin with its first entry. */
  constructor(from?: Head) {
    this.#head = from
  }

  get problems(): readonly ChainProblem[] {
    return [...(this.#begin ? [this.#begin.problem] : []), ...this.#problems]
  }

  /** What was let go, up to one of these, may be missing: the first entry that is there has to be the one behind it, or one before that. */
  accept(starts: readonly Head[]): void {
    const begin = this.#begin
    if (begin && starts.some(start => covers(start, begin))) this.#begin = undefined
  }

  /** The number of the first entry that is there; 1 where there is none. */
  get first(): number {
    return this.#first
  }

  /** How many entries were whole. */
  get count(): number {
    return this.#count
  }

  /** The last one that was whole. */
  get last(): Head | undefined {
    const head = this.#head
    return head?.hash === undefined ? undefined : { ...head, hash: head.hash }
  }

  /** `place`: of the line, for people. */
  take(line: string, place: string): Entry | undefined {
    const entry = parseEntry(line)
    if (!entry) {
      this.#tell(undefined, `${place} is no entry, or was changed`)
      if (this.#head) this.#head = { ...this.#head, n: this.#head.n + 1, hash: undefined }
      return undefined
    }
    this.#compare(entry, place)
    this.#head = headOf(entry)
    this.#count += 1
    return entry
  }

  #compare({ chain, n, prev }: Entry, place: string): void {
    const before = this.#head
    if (!before) {
      this.#first = n
      if (n > 1) {
        const message = `${place} is entry ${String(n)}, and ${rangeOf(1, n - 1)} not there`
        this.#begin = { chain, n: n - 1, hash: prev, problem: { chain, n, message } }
      } else if (prev !== '0'.repeat(64)) this.#tell(n, `${place} is a first entry that names one before it`)
      return
    }
    const expected = before.n + 1
    if (chain !== before.chain) this.#tell(n, `${place} belongs to the chain ${chain}, not ${before.chain}`)
    else if (n > expected) this.#tell(n, `before ${place}, ${rangeOf(expected, n - 1)} missing`)
    else if (n < expected)
      this.#tell(n, `${place} is entry ${String(n)}, and stands after entry ${String(before.n)}`)
    else if (before.hash !== undefined && prev !== before.hash)
      this.#tell(n, `${place} does not follow entry ${String(before.n)} as it is: one of them was replaced`)
  }

  #tell(n: number | undefined, message: string): void {
    this.#problems.push({ chain: this.#head?.chain, n: n ?? (this.#head && this.#head.n + 1), message })
  }
}

/** `begin`: the entry before the first one that is there. */
const covers = (start: Head, begin: Head): boolean =>
  start.chain === begin.chain && (start.n > begin.n || (start.n === begin.n && start.hash === begin.hash))

const rangeOf = (first: number, last: number): string =>
  first === last ? `entry ${String(first)} is` : `entries ${String(first)} to ${String(last)} are`
