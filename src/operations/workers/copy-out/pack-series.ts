/**
 * The packs that one thread fills, one after the other. A pack is made when its first file comes, and closed at a file
 * boundary when it is large enough; while one is made durable, the next is filled.
 */
import { Fault } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import type { TarEntry } from '../../../pipeline/tar.ts'
import { encodeManifestFile } from '../../../repository/format/manifest-lines.ts'
import type { ManifestFile } from '../../../repository/format/manifest.ts'
import { EntryLogWriter } from '../../../repository/packs/entry-log.ts'
import { packName } from '../../../repository/packs/pack-name.ts'
import type { PackPress } from '../../../repository/packs/pack-press.ts'
import { openPackWriter, type PackWriter } from '../../../repository/packs/pack-writer.ts'
import type { ObjectWriter, Storage } from '../../../storage/storage.ts'
import type { FinishedPack } from '../messages.ts'

export interface PackSeriesOptions {
  readonly storage: Storage
  readonly keyPrefix: string
  readonly press: PackPress
  readonly nextNumber: () => number
  /** Called when a pack is durable. */
  readonly onPack: (pack: FinishedPack) => void
}

interface OpenPack {
  readonly number: number
  readonly name: string
  readonly object: ObjectWriter
  readonly writer: PackWriter
  files: number
}

export class PackSeries {
  readonly #options: PackSeriesOptions
  readonly #entries = new EntryLogWriter()
  #open: OpenPack | undefined
  #committing: Promise<void> = Promise.resolve()

  constructor(options: PackSeriesOptions) {
    this.#options = options
  }

  /** The pack to write the next file into. */
  async writer(signal: AbortSignal): Promise<PackWriter> {
    this.#open ??= await this.#begin(signal)
    return this.#open.writer
  }

  /** Directories and links: entries without data. */
  async addEmpty(entry: TarEntry, signal: AbortSignal): Promise<void> {
    const writer = await this.writer(signal)
    await writer.beginEntry(entry)
    await writer.endEntry()
  }

  /** Takes down a file whose entry was just ended, and closes the pack when it is large enough. */
  async record(file: Omit<ManifestFile, 'pack'>): Promise<void> {
    const pack = this.#open
    if (!pack) throw new Error('assertion failed: a pack is open')
    this.#entries.add(encodeManifestFile({ ...file, pack: pack.number }))
    pack.files++
    if (pack.writer.storedBytes >= limits.packSizeBytesTarget || pack.files >= limits.packFilesMax)
      await this.#close(pack)
  }

  /** All packs are durable afterwards. */
  async finish(): Promise<void> {
    if (this.#open) await this.#close(this.#open)
    await this.#committing
  }

  /** Throws away the pack that is open; finished ones are left to the sweep. Never throws. */
  async abort(): Promise<void> {
    await this.#committing.catch(() => undefined)
    const pack = this.#open
    this.#open = undefined
    if (!pack) return
    await pack.writer.settle()
    await pack.object.abort().catch(() => undefined)
  }

  async #begin(signal: AbortSignal): Promise<OpenPack> {
    const { storage, keyPrefix, press, nextNumber } = this.#options
    const number = nextNumber()
    const name = packName(number, press.encoding)
    const object = await storage.create(`${keyPrefix}${name}`, signal)
    try {
      return { number, name, object, writer: await openPackWriter(press, object), files: 0 }
    } catch (error) {
      await object.abort()
      throw error
    }
  }

  async #close(pack: OpenPack): Promise<void> {
    const summary = await pack.writer.finish()
    const entries = this.#entries.take()
    this.#open = undefined
    await this.#committing
    this.#committing = this.#commit(pack, {
      ...summary,
      number: pack.number,
      name: pack.name,
      files: pack.files,
      entries,
    })
    // Whoever awaits it next is told of a failure; until then it is no unhandled rejection.
    this.#committing.catch(() => undefined)
  }

  async #commit({ object }: OpenPack, finished: FinishedPack): Promise<void> {
    try {
      if ((await object.commit()) === 'taken') throw taken(finished.name)
    } catch (error) {
      await object.abort().catch(() => undefined)
      throw error
    }
    this.#options.onPack(finished)
  }
}

const taken = (name: string): Fault =>
  new Fault('OBJECT_CONFLICT', `${name} is there already`, {
    hint: 'Run the backup again: it gets a new id, and thus new names.',
  })
