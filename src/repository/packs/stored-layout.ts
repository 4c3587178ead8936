/**
 * How a pack's compressed stream lies in the stored object: as it is, or cut into age's chunks, which are sealed one by
 * one and can be opened one by one.
 */
import { createOpener, isAge, parseAgeHeader, storedChunkSizeBytes, type Opener } from '../../pipeline/age.ts'
import { limits } from '../../base/limits.ts'
import { corruptPack } from './corrupt-pack.ts'

const chunkSizeBytes = limits.ageChunkSizeBytes
const tagSizeBytes = storedChunkSizeBytes - chunkSizeBytes

export interface StoredLayout {
  /** Length of the compressed stream. */
  readonly plainBytes: number
  /** The part of the object to fetch for these bytes of the compressed stream. */
  storedRange(
    startBytes: number,
    endBytes: number,
  ): { readonly startBytes: number; readonly endBytes: number }
  /** Which byte of the compressed stream the first byte of that part gives. */
  plainStart(startBytes: number): number
  /** Cuts at `storedPieceSizeBytes` and opens each: see opened-stream.ts. Undefined when there is no seal. */
  readonly seal: { readonly opener: Opener; readonly chunkCount: number } | undefined
}

/** `start` are the object's first bytes, enough for the whole header; `sizeBytes` is the length of the object. */
export async function layoutOf(
  start: Uint8Array,
  sizeBytes: number,
  identities: readonly string[],
): Promise<StoredLayout> {
  return isAge(start)
    ? sealedLayout(await createOpener(start, identities), sizeBytes)
    : plainLayout(sizeBytes)
}

/** Whether `start` is enough for `layoutOf`. */
export function isHeaderWhole(start: Uint8Array): boolean {
  return !isAge(start) || parseAgeHeader(start) !== undefined
}

function plainLayout(sizeBytes: number): StoredLayout {
  return {
    plainBytes: sizeBytes,
    storedRange: (startBytes, endBytes) => ({ startBytes, endBytes }),
    plainStart: startBytes => startBytes,
    seal: undefined,
  }
}

function sealedLayout(opener: Opener, sizeBytes: number): StoredLayout {
  const payloadAt = opener.payloadOffsetBytes
  const chunkCount = Math.ceil((sizeBytes - payloadAt) / storedChunkSizeBytes)
  const plainBytes = sizeBytes - payloadAt - chunkCount * tagSizeBytes
  if (chunkCount < 1 || plainBytes < 0) throw corruptPack(`${String(sizeBytes)} bytes hold no sealed data`)
  return {
    plainBytes,
    storedRange: (startBytes, endBytes) => ({
      startBytes: payloadAt + Math.floor(startBytes / chunkSizeBytes) * storedChunkSizeBytes,
      endBytes: Math.min(sizeBytes, payloadAt + Math.ceil(endBytes / chunkSizeBytes) * storedChunkSizeBytes),
    }),
    plainStart: startBytes => Math.floor(startBytes / chunkSizeBytes) * chunkSizeBytes,
    seal: { opener, chunkCount },
  }
}
