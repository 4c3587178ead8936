/**
 * The files of a dump in the directory shape. Their sizes are known at their ends only, so each is held in memory at first: a
 * small one goes into a pack with others, one that grows gets an object of its own.
 */
import { limits } from '../../base/limits.ts'
import { suffixOf } from '../../pipeline/codec.ts'
import { encodeTarHeader, tarEnd, tarPaddingBytes } from '../../pipeline/tar.ts'
import type { DumpedObject } from '../../repository/format/dump-record.ts'
import { directoryFileName, directoryPackName } from '../../repository/layout.ts'
import { openSealedObject, type ObjectPlace, type SealedObject } from './sealed-object.ts'

/** Where a file's bytes are. */
export interface FilePlace {
  readonly object: string
  readonly offsetBytes: number
  readonly sizeBytes: number
}

export interface FileSink {
  write(bytes: Uint8Array): Promise<void>
  end(): Promise<FilePlace>
}

export interface FilesRequest {
  readonly place: ObjectPlace
  /** Of the database. */
  readonly number: number
  readonly nowMs: () => number
}

export class DirectoryFiles {
  readonly #request: FilesRequest
  readonly #signal: AbortSignal
  readonly #open = new Set<SealedObject>()
  readonly #finished: DumpedObject[] = []
  #pack: { readonly name: string; readonly object: SealedObject; files: number } | undefined
  #packs = 0
  /** Files come from several jobs, and a pack takes one after another. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(request: FilesRequest, signal: AbortSignal) {
    this.#request = request
    this.#signal = signal
  }

  begin(name: string): FileSink {
    let held: Uint8Array[] = []
    let sizeBytes = 0
    let own: { readonly object: string; readonly sealed: SealedObject } | undefined
    return {
      write: async bytes => {
        sizeBytes += bytes.length
        if (own) return own.sealed.write(bytes)
        held.push(bytes)
        if (sizeBytes <= limits.dumpSmallFileBytesMax) return
        own = await this.#beginOwn(name)
        for (const piece of held) await own.sealed.write(piece)
        held = []
      },
      end: async () => {
        if (!own) return this.#addToPack(name, held, sizeBytes)
        await this.#finish(own.sealed)
        return { object: own.object, offsetBytes: 0, sizeBytes }
      },
    }
  }

  /** All objects, durable. */
  async finish(): Promise<readonly DumpedObject[]> {
    await this.#turn
    await this.#endPack()
    return this.#finished
  }

  /** Safe to call after a failure, and after `finish`. */
  async abort(): Promise<void> {
    await this.#turn.catch(() => undefined)
    for (const object of this.#open) await object.abort()
    this.#open.clear()
  }

  async #beginOwn(name: string): Promise<{ readonly object: string; readonly sealed: SealedObject }> {
    const { place, number } = this.#request
    const object = directoryFileName(number, name, suffixOf(place.encoding))
    return { object, sealed: await this.#openObject(object) }
  }

  async #openObject(name: string): Promise<SealedObject> {
    const object = await openSealedObject(this.#request.place, name, this.#signal)
    this.#open.add(object)
    return object
  }

  async #finish(object: SealedObject): Promise<void> {
    this.#finished.push(await object.commit())
    this.#open.delete(object)
  }

  #addToPack(name: string, pieces: readonly Uint8Array[], sizeBytes: number): Promise<FilePlace> {
    const added = this.#turn.then(() => this.#append(name, pieces, sizeBytes))
    this.#turn = added
    // Who waits for the file hears of a failure; the next turn must not be an unhandled one.
    added.catch(() => undefined)
    return added
  }

  async #append(name: string, pieces: readonly Uint8Array[], sizeBytes: number): Promise<FilePlace> {
    const pack = (this.#pack ??= await this.#beginPack())
    const { object } = pack
    await object.write(
      encodeTarHeader({
        kind: 'file',
        path: name,
        sizeBytes,
        modifiedMs: this.#request.nowMs(),
        mode: 0o600,
        userId: 0,
        groupId: 0,
      }),
    )
    const padding = tarPaddingBytes(sizeBytes)
    // As in the packs of base backups: what does not fit the rest of a frame begins one.
    if (sizeBytes + padding > object.roomBytes) object.endFrame()
    const offsetBytes = object.offsetBytes
    for (const piece of pieces) await object.write(piece)
    await object.write(tarEnd.subarray(0, padding))
    pack.files++
    if (object.storedBytes >= limits.packSizeBytesTarget || pack.files >= limits.packFilesMax)
      await this.#endPack()
    return { object: pack.name, offsetBytes, sizeBytes }
  }

  async #beginPack(): Promise<{ readonly name: string; readonly object: SealedObject; files: number }> {
    const { place, number } = this.#request
    const name = directoryPackName(number, ++this.#packs, suffixOf(place.encoding))
    return { name, object: await this.#openObject(name), files: 0 }
  }

  async #endPack(): Promise<void> {
    const pack = this.#pack
    if (!pack) return
    this.#pack = undefined
    await pack.object.write(tarEnd)
    await this.#finish(pack.object)
  }
}
