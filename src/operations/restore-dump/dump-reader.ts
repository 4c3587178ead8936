/**
 * Reads the raw bytes of a dump's objects, whole or by range, from the first repository that has them whole. When one fails in
 * the midst, the next goes on at that very byte. What is read whole is compared with its size and SHA-256, at its end.
 */
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { MiB } from '../../base/units.ts'
import { DumpContentsDecoder, type DumpContents } from '../../repository/format/dump-contents.ts'
import type { StoredObjectRecord } from '../../repository/format/backup-record.ts'
import {
  createPackTools,
  inPack,
  openPack,
  type PackReader,
  type PackTools,
} from '../../repository/packs/pack-reader.ts'
import { readObject } from '../dump/read-object.ts'
import { folderOfDump, type DumpCopy } from '../sources/dumps.ts'
import { isRepositoryTrouble, nowhere, type Failure, type TroubleLog } from '../sources/trouble.ts'
import { GivenBytes } from './given-bytes.ts'

export interface RawRange {
  readonly startBytes: number
  readonly endBytes: number
}

/** Bytes of the range of that index. Valid until the next piece is asked for. */
export interface RangePiece {
  readonly range: number
  readonly bytes: Uint8Array
}

/** Ranges that lie nearer to one another are read in one go. */
const gapSizeBytesMax = 1 * MiB

/** For one stream at a time: it has buffers of its own. */
export class DumpReader implements Disposable {
  readonly #copies: readonly DumpCopy[]
  readonly #troubles: TroubleLog
  readonly #tools: PackTools
  readonly #open = new Map<string, PackReader>()

  constructor(copies: readonly DumpCopy[], troubles: TroubleLog) {
    this.#copies = copies
    this.#troubles = troubles
    this.#tools = createPackTools([new Uint8Array(limits.frameSizeBytesMax)])
  }

  /** `ranges` are in order, and do not overlap. */
  async *ranges(
    name: string,
    ranges: readonly RawRange[],
    signal: AbortSignal,
  ): AsyncGenerator<RangePiece, void, undefined> {
    for (const run of runsOf(ranges)) {
      let index = run.first
      for await (const { atBytes, bytes } of this.#read(name, run, signal)) {
        for (; index <= run.last; index++) {
          const range = ranges[index] ?? { startBytes: 0, endBytes: 0 }
          const from = Math.max(0, range.startBytes - atBytes)
          const to = Math.min(bytes.length, range.endBytes - atBytes)
          if (from < to) yield { range: index, bytes: bytes.subarray(from, to) }
          if (range.endBytes > atBytes + bytes.length) break
        }
      }
    }
  }

  /** An object from its beginning to its end. Pieces are valid until the next one is asked for. */
  stream(name: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const given = new GivenBytes()
    const whole = (copy: DumpCopy) => readObject(copy, objectOf(copy, name), signal)
    // Nobody has to go on when there is one copy only.
    const isAlone = this.#copies.length === 1
    return this.#inTurn(name, copy => (isAlone ? whole(copy) : given.restOf(name, whole(copy))), signal)
  }

  /** An object that is small, whole. */
  async whole(name: string, sizeBytesMax: number, signal: AbortSignal): Promise<Buffer> {
    const pieces: Buffer[] = []
    let sizeBytes = 0
    for await (const bytes of this.stream(name, signal)) {
      sizeBytes += bytes.length
      if (sizeBytes > sizeBytesMax) throw tooLarge(name)
      pieces.push(Buffer.from(bytes))
    }
    return Buffer.concat(pieces)
  }

  /** What lies where in the database of this number. */
  async contents(
    { number, contents }: { number: number; contents: StoredObjectRecord },
    signal: AbortSignal,
  ): Promise<DumpContents> {
    const bytes = await this.whole(contents.name, limits.dumpTocSizeBytesMax, signal)
    const decoder = new DumpContentsDecoder()
    try {
      for (let at = 0; at < bytes.length;) {
        const end = bytes.indexOf(10, at)
        decoder.take(bytes.toString('utf8', at, end < 0 ? bytes.length : end))
        at = end < 0 ? bytes.length : end + 1
      }
      const found = decoder.end()
      if (found.number === number) return found
      throw new Error('they are those of another database')
    } catch (error) {
      throw new Fault(
        'OBJECT_CORRUPT',
        `the contents ${contents.name} of the dump can not be read: ${error instanceof Error ? error.message : ''}`,
        { hint: 'Use another dump; `holdfast verify` tells what else is damaged.', cause: error },
      )
    }
  }

  #read(
    name: string,
    { startBytes, endBytes }: RawRange,
    signal: AbortSignal,
  ): AsyncGenerator<{ readonly atBytes: number; readonly bytes: Uint8Array }, void, undefined> {
    let atBytes = startBytes
    const rest = async function* (key: string, opening: Promise<PackReader>) {
      const pack = await opening
      const { index } = pack
      if (endBytes > index.rawBytes) throw tooShort(name)
      if (atBytes >= endBytes) return
      const [first, last] = [index.frameAt(atBytes), index.frameAt(endBytes - 1)]
      for await (const { frame, bytes, damage } of pack.frames(first, last, signal)) {
        if (!bytes) throw inPack(key, damage)
        const from = atBytes - frame.rawOffsetBytes
        const piece = bytes.subarray(from, Math.min(bytes.length, endBytes - frame.rawOffsetBytes))
        yield { atBytes, bytes: piece }
        atBytes += piece.length
      }
    }
    return this.#inTurn(name, copy => rest(keyOf(copy, name), this.#pack(copy, name, signal)), signal)
  }

  /** What `read` gives of one copy; when that fails, what it gives of the next. */
  async *#inTurn<T>(
    name: string,
    read: (copy: DumpCopy) => AsyncIterable<T>,
    signal: AbortSignal,
  ): AsyncGenerator<T, void, undefined> {
    const failures: Failure[] = []
    for (const copy of this.#inOrder()) {
      try {
        yield* read(copy)
        return
      } catch (error) {
        signal.throwIfAborted()
        if (!isRepositoryTrouble(error)) throw error
        failures.push({ repository: copy.source.name, fault: error })
        this.#tell(copy, name, error, failures.length)
      }
    }
    throw nowhere(`${name} of dump ${this.#copies[0]?.record.id ?? ''}`, failures, this.#copies.length)
  }

  /** Where there was an outage, last. */
  #inOrder(): readonly DumpCopy[] {
    const out = this.#troubles.unreachable()
    return this.#copies.toSorted(
      (a, b) => Number(out.includes(a.source.name)) - Number(out.includes(b.source.name)),
    )
  }

  #tell({ source, record }: DumpCopy, name: string, { code, message }: Fault, failed: number): void {
    const instead = this.#inOrder()[failed]?.source.name
    if (instead === undefined) return
    this.#troubles.add({
      repository: source.name,
      object: folderOfDump({ source, record }) + name,
      code,
      message,
      instead,
    })
  }

  async #pack(copy: DumpCopy, name: string, signal: AbortSignal): Promise<PackReader> {
    const key = keyOf(copy, name)
    const id = `${copy.source.name} ${key}`
    const known = this.#open.get(id)
    if (known) return known
    const { storage } = copy.source.repository
    const { sizeBytes } = objectOf(copy, name)
    const { identities } = copy.source
    const pack = await openPack({ storage, key, sizeBytes, identities }, this.#tools, signal)
    // Tables with an object of their own are read once.
    if (this.#open.size >= packsOpenMax) this.#open.clear()
    this.#open.set(id, pack)
    return pack
  }

  [Symbol.dispose](): void {
    this.#tools.close()
  }
}

const packsOpenMax = 16

/** A copy that was sealed to others, or not at all, may have another ending in its names. */
function objectOf({ record }: DumpCopy, name: string): StoredObjectRecord {
  const stem = name.replace(/\.age$/, '')
  const objects = [
    record.globals,
    ...record.databases.flatMap(({ objects: own, contents }) => [...own, contents]),
  ]
  const found = objects.find(object => object.name.replace(/\.age$/, '') === stem)
  if (found) return found
  throw new Fault('OBJECT_MISSING', `dump ${record.id} has no object ${name}`, {
    hint: 'Use another dump; `holdfast verify` tells what else is damaged.',
  })
}

const keyOf = (copy: DumpCopy, name: string): string => folderOfDump(copy) + objectOf(copy, name).name

interface Run extends RawRange {
  readonly first: number
  readonly last: number
}

function runsOf(ranges: readonly RawRange[]): readonly Run[] {
  const runs: Run[] = []
  for (const [i, { startBytes, endBytes }] of ranges.entries()) {
    const before = runs.at(-1)
    if (before && startBytes - before.endBytes <= gapSizeBytesMax)
      runs[runs.length - 1] = { ...before, endBytes, last: i }
    else runs.push({ startBytes, endBytes, first: i, last: i })
  }
  return runs
}

function tooShort(name: string): Fault {
  return new Fault('OBJECT_CORRUPT', `${name} is shorter than the contents of the dump say`, {
    hint: 'Use another dump; `holdfast verify` tells what else is damaged.',
  })
}

function tooLarge(name: string): Fault {
  return new Fault('OBJECT_CORRUPT', `${name} is impossibly large`, {
    hint: 'Use another dump; `holdfast verify` tells what else is damaged.',
  })
}
