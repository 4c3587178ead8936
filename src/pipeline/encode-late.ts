/**
 * Encodes an object of which it is known only at its end what is told in the clear at its start. Its compressed bytes
 * wait in memory until then. The format is that of `encodeStream`, and `decodeStream` reads it.
 */
import { createSealer, sealedSizeBytesBound, type ClearStanza } from './age.ts'
import { compressFrames, encodeClearFrame, type Encoding } from './codec.ts'

/** `clear` is called after the last of the plain bytes. The result is pieces of one object, in order. */
export async function encodeLate(
  plain: AsyncIterable<Uint8Array>,
  encoding: Encoding,
  clear: () => readonly ClearStanza[],
): Promise<readonly Uint8Array[]> {
  const isSealed = encoding.recipients.length > 0
  const frames: Uint8Array[] = []
  for await (const frame of compressFrames(plain, { level: encoding.level, contentChecksum: !isSealed })) {
    frames.push(Uint8Array.from(frame))
  }
  const stanzas = clear()
  return isSealed ? [await seal(frames, encoding, stanzas)] : [...stanzas.map(encodeClearFrame), ...frames]
}

async function seal(
  plain: readonly Uint8Array[],
  { recipients }: Encoding,
  stanzas: readonly ClearStanza[],
): Promise<Uint8Array> {
  const sealer = await createSealer(recipients, stanzas)
  const { header } = sealer
  const plainBytes = plain.reduce((sum, { length }) => sum + length, 0)
  const sealed = new Uint8Array(header.length + sealedSizeBytesBound(plainBytes))
  sealed.set(header)
  let filled = header.length
  for (const piece of plain) filled += sealer.seal(piece, sealed.subarray(filled))
  filled += sealer.finish(sealed.subarray(filled))
  return sealed.subarray(0, filled)
}
