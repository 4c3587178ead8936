/**
 * The repositories that a worker reads a backup from: which one is asked next, and what is known of each.
 *
 * The first is asked until it fails. One that could not be reached is asked last from then on, so that its limits of
 * time are not waited for again and again; one whose copy of a pack is damaged is asked last for this pack.
 */
import type { Fault } from '../../../base/fault.ts'
import { inTime } from '../../../base/in-time.ts'
import { limits } from '../../../base/limits.ts'
import { openPack, type PackReader, type PackTools } from '../../../repository/packs/pack-reader.ts'
import type { Storage } from '../../../storage/storage.ts'
import { withLimits } from '../../../storage/with-limits.ts'
import { withRates } from '../../../storage/with-rates.ts'
import { withReadAhead } from '../../../storage/with-read-ahead.ts'
import { isOutage, silent } from '../../sources/trouble.ts'
import type { BackupPlace, CopyInSetup, PackCopies, PackObject } from '../messages.ts'
import type { WorkerLine } from '../run-worker.ts'

interface OpenedPlace {
  readonly storage: Storage
  /** The same, read ahead. */
  readonly ahead: Storage
}

/** Packs that a worker has open: that of the task it works on, and that of the next. */
const readersMax = 4

export class Places {
  readonly #places: readonly BackupPlace[]
  readonly #setup: Pick<CopyInSetup, 'readAhead'>
  readonly #line: Pick<WorkerLine, 'open' | 'world' | 'rates'>
  readonly #tools: PackTools
  readonly #opened = new Map<number, Promise<OpenedPlace>>()
  readonly #readers = new Map<string, Promise<PackReader>>()
  readonly #outOfReach = new Set<number>()
  readonly #damaged = new Set<string>()
  #bytesFetched = 0

  constructor(setup: CopyInSetup, line: Pick<WorkerLine, 'open' | 'world' | 'rates'>, tools: PackTools) {
    this.#places = setup.places
    this.#setup = setup
    this.#line = line
    this.#tools = tools
  }

  /** By all of them together. */
  get bytesFetched(): number {
    return this.#bytesFetched
  }

  get count(): number {
    return this.#places.length
  }

  nameOf(place: number): string {
    return this.#at(place).repository
  }

  keyOf(pack: PackCopies, place: number): string {
    return `${this.#at(place).keyPrefix}${objectOf(pack, place).name}`
  }

  /** Whom to ask for what lies in this pack; undefined when all have been tried. */
  next(pack: PackCopies, tried: ReadonlySet<number>): number | undefined {
    const left = pack.objects.flatMap((object, place) => (object && !tried.has(place) ? [place] : []))
    return left.toSorted((a, b) => this.#doubt(pack, a) - this.#doubt(pack, b))[0]
  }

  /** Remembers what went wrong. */
  blame(pack: PackCopies, place: number, fault: Fault): void {
    if (isOutage(fault)) this.#outOfReach.add(place)
    else this.#damaged.add(idOf(pack, place))
    this.#readers.delete(idOf(pack, place))
  }

  /** Opens the pack; it stays open for the tasks that follow. */
  async reader(pack: PackCopies, place: number, signal: AbortSignal): Promise<PackReader> {
    const id = idOf(pack, place)
    const known = this.#readers.get(id) ?? this.#open(pack, place, signal)
    this.#readers.delete(id)
    this.#readers.set(id, known)
    const [oldest] = this.#readers.keys()
    if (this.#readers.size > readersMax && oldest !== undefined) this.#readers.delete(oldest)
    return known
  }

  async #open(pack: PackCopies, place: number, signal: AbortSignal): Promise<PackReader> {
    const opened = this.#opened.get(place) ?? this.#openPlace(place)
    this.#opened.set(place, opened)
    const { storage, ahead } = await opened
    const source = {
      storage,
      framesStorage: ahead,
      key: this.keyOf(pack, place),
      sizeBytes: objectOf(pack, place).sizeBytes,
      identities: this.#at(place).identities,
    }
    return openPack(source, this.#tools, signal)
  }

  async #openPlace(place: number): Promise<OpenedPlace> {
    const opened = await this.#openStorage(this.#at(place))
    const storage = this.#counted(withRates(opened, this.#line.rates))
    return { storage, ahead: withReadAhead(storage, this.#setup.readAhead) }
  }

  #counted(storage: Storage): Storage {
    const count = (bytes: number): void => {
      this.#bytesFetched += bytes
    }
    return {
      ...storage,
      async *get(key, range, signal) {
        for await (const piece of storage.get(key, range, signal)) {
          count(piece.length)
          yield piece
        }
      },
    }
  }

  /** Where another one can be asked, one that gives no answer is not waited for as long as it takes. */
  async #openStorage({ repository, storage }: BackupPlace): Promise<Storage> {
    const { open, world } = this.#line
    if (this.count === 1) return open(storage)
    const opened = await inTime(open(storage), world.clock, limits.sourceSilenceMsMax, () =>
      silent(repository, limits.sourceSilenceMsMax),
    )
    return withLimits(opened, world.clock, limits.sourceSilenceMsMax)
  }

  #doubt(pack: PackCopies, place: number): number {
    return this.#outOfReach.has(place) ? 2 : this.#damaged.has(idOf(pack, place)) ? 1 : 0
  }

  #at(place: number): BackupPlace {
    const found = this.#places[place]
    if (!found) throw new Error(`assertion failed: place ${String(place)} is one of the setup`)
    return found
  }
}

function objectOf(pack: PackCopies, place: number): PackObject {
  const object = pack.objects[place]
  if (!object) throw new Error('assertion failed: a pack is asked for only where it is')
  return object
}

const idOf = (pack: PackCopies, place: number): string => `${String(place)} ${String(pack.number)}`
