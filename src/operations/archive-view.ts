/**
 * The archive as far as somebody has looked into it: all timelines and where they come from, and of their segments those
 * that were asked for. Planning a restore from a recent backup must not list a year of WAL.
 */
import type { FaultCode } from '../base/fault.ts'
import { archiveOf, type Archive } from '../policy/archive.ts'
import { takenFrom, type TimelinePath } from '../policy/timeline-path.ts'
import type { WalEntry } from '../repository/wal-list.ts'
import type { WalStore } from '../repository/wal-store.ts'
import { segmentName } from '../wal/segment.ts'
import type { TimelineSwitch } from '../wal/timeline.ts'
import { readHistories } from './wal-archive.ts'

type ViewedWal = Pick<WalStore, 'head' | 'list' | 'survey'>

/** Segments of one timeline that have been asked for; `last` is undefined when all that follow have been. */
interface Seen {
  readonly first: bigint
  readonly last: bigint | undefined
}

/** Histories with the faults of `passOver` are taken for absent. */
export async function openArchiveView(
  wal: ViewedWal,
  segmentSizeBytes: number,
  signal: AbortSignal,
  { passOver = [] }: { readonly passOver?: readonly FaultCode[] } = {},
): Promise<ArchiveView> {
  const { files, isWhole } = await wal.survey(signal)
  const histories = await readHistories(wal, files, signal, { passOver })
  return new ArchiveView(wal, segmentSizeBytes, { files, isWhole, histories }, signal)
}

export class ArchiveView {
  readonly #wal: ViewedWal
  readonly #segmentSizeBytes: number
  readonly #signal: AbortSignal
  readonly #histories: ReadonlyMap<number, readonly TimelineSwitch[]>
  readonly #files: Map<string, WalEntry>
  readonly #seen = new Map<number, Seen>()
  #isWhole: boolean
  #archive: Archive | undefined

  constructor(
    wal: ViewedWal,
    segmentSizeBytes: number,
    known: {
      readonly files: readonly WalEntry[]
      readonly isWhole: boolean
      readonly histories: ReadonlyMap<number, readonly TimelineSwitch[]>
    },
    signal: AbortSignal,
  ) {
    this.#wal = wal
    this.#segmentSizeBytes = segmentSizeBytes
    this.#signal = signal
    this.#files = new Map(known.files.map(file => [file.name, file]))
    this.#histories = known.histories
    this.#isWhole = known.isWhole
  }

  get isWhole(): boolean {
    return this.#isWhole
  }

  /**
   * What is known by now. Of every timeline with segments there is one at least; between what was asked for and the
   * oldest segments of a timeline there may seem to be a gap.
   */
  archive(): Archive {
    this.#archive ??= archiveOf(this.#files.values(), this.#histories, this.#segmentSizeBytes)
    return this.#archive
  }

  async lookAtAll(): Promise<void> {
    if (this.#isWhole) return
    this.#take(await Array.fromAsync(this.#wal.list(undefined, this.#signal)))
    this.#isWhole = true
  }

  /** Along a path: segment `first` and what follows, up to `last` or to the end. */
  async lookAlong(path: TimelinePath, first: bigint, last: bigint | undefined): Promise<void> {
    for (const span of path) {
      const taken = takenFrom(span, this.#segmentSizeBytes)
      const from = maxOf(first, taken.first)
      const to = minOf(last, taken.last)
      if (to === undefined || from <= to) await this.#lookAt(span.timeline, { first: from, last: to })
    }
  }

  /** The first segments of a timeline from here on: `filesMax` files, for who needs no more than a glance. */
  async glance(timeline: number, first: bigint, filesMax: number): Promise<void> {
    if (!this.#isWhole) await this.#list(timeline, { first, last: undefined }, filesMax)
  }

  async #lookAt(timeline: number, wanted: Seen): Promise<void> {
    if (this.#isWhole) return
    const seen = this.#seen.get(timeline)
    if (!seen) {
      await this.#list(timeline, wanted)
      this.#seen.set(timeline, wanted)
      return
    }
    let { first, last } = seen
    if (wanted.first < first) {
      await this.#list(timeline, { first: wanted.first, last: first - 1n })
      first = wanted.first
    }
    if (last !== undefined && (wanted.last === undefined || wanted.last > last)) {
      await this.#list(timeline, { first: last + 1n, last: wanted.last })
      last = wanted.last
    }
    this.#seen.set(timeline, { first, last })
  }

  async #list(timeline: number, { first, last }: Seen, filesMax?: number): Promise<void> {
    const nameOf = (number: bigint): string => segmentName({ timeline, number }, this.#segmentSizeBytes)
    const range = { from: nameOf(first), to: last === undefined ? undefined : nameOf(last), filesMax }
    this.#take(await Array.fromAsync(this.#wal.list(range, this.#signal)))
  }

  #take(files: readonly WalEntry[]): void {
    for (const file of files) this.#files.set(file.name, file)
    this.#archive = undefined
  }
}

const maxOf = (a: bigint, b: bigint): bigint => (a > b ? a : b)
const minOf = (a: bigint | undefined, b: bigint | undefined): bigint | undefined =>
  a === undefined ? b : b === undefined || a < b ? a : b
