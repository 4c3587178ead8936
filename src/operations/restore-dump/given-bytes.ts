/** What was handed out of an object before its copy failed: the next copy goes on behind it, if it begins with the same bytes. */
import { createHash, type Hash } from 'node:crypto'
import { Fault } from '../../base/fault.ts'

export class GivenBytes {
  readonly #digest: Hash = createHash('sha256')
  #sizeBytes = 0

  /** Of a copy that is read from its beginning: what was not handed out yet. OBJECT_CORRUPT when it begins with other bytes. */
  async *restOf(name: string, raw: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    const given = this.#sizeBytes > 0 ? this.#digest.copy().digest('hex') : undefined
    const beginning = createHash('sha256')
    let left = this.#sizeBytes
    for await (const piece of raw) {
      const known = piece.subarray(0, left)
      beginning.update(known)
      left -= known.length
      if (left > 0) continue
      if (known.length > 0 && beginning.copy().digest('hex') !== given) throw differs(name)
      const fresh = piece.subarray(known.length)
      this.#digest.update(fresh)
      this.#sizeBytes += fresh.length
      if (fresh.length > 0) yield fresh
    }
    if (left > 0) throw differs(name)
  }
}

const differs = (name: string): Fault =>
  new Fault('OBJECT_CORRUPT', `${name} begins with other bytes than what another repository gave of it`, {
    hint: 'Run `holdfast verify --all` to see which one is damaged, and leave that one out with --without NAME.',
  })
