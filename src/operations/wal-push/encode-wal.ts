/** Reads a WAL file, checks it, and encodes it for repositories: all the work of a push that touches none of them. */
import type { Encoding } from '../../pipeline/codec.ts'
import { createLateEncoder, type EncodeLate, type LateEncoder } from '../../pipeline/encode-late.ts'
import { encodeWalFile, type EncodedWal, type WalFileToStore } from '../../repository/wal-store.ts'
import type { ClusterOfWal } from '../../wal/cluster.ts'
import { readerInThisThread, withWalFile, type ReadPieces } from '../wal-push.ts'

/** Plain data: it is sent to worker threads. */
export interface WalToEncode {
  readonly path: string
  /** Of the cluster that the file has to belong to. */
  readonly identity: ClusterOfWal
  readonly encodings: readonly Encoding[]
}

/** One result for each of the encodings, in their order. WAL_INVALID when the file is none of the cluster's. */
export type EncodeWal = (file: WalToEncode, signal: AbortSignal) => Promise<readonly EncodedWal[]>

/** In this thread, one file. */
export const encodeHere: EncodeWal = (file, signal) => encode(file, signal, {})

export interface WalEncoder extends Disposable {
  readonly encode: EncodeWal
  readonly reuse: LateEncoder['reuse']
}

/** In this thread, one file after another, with the same buffers. */
export function createWalEncoder(): WalEncoder {
  const encoder = createLateEncoder()
  const tools = { encode: encoder.encode, read: readerInThisThread() }
  return {
    encode: (file, signal) => encode(file, signal, tools),
    reuse: encoder.reuse,
    [Symbol.dispose]() {
      encoder[Symbol.dispose]()
    },
  }
}

interface Tools {
  readonly encode?: EncodeLate
  readonly read?: ReadPieces
}

async function encode(
  { path, identity, encodings }: WalToEncode,
  signal: AbortSignal,
  tools: Tools,
): Promise<readonly EncodedWal[]> {
  const encoded: EncodedWal[] = []
  for (const encoding of encodings) {
    signal.throwIfAborted()
    const use = (file: WalFileToStore): Promise<EncodedWal> => encodeWalFile(file, encoding, tools.encode)
    encoded.push(await withWalFile(path, identity, use, tools.read))
  }
  return encoded
}

/** The memory that they lie in, each once. */
export function roomsOf(encoded: readonly EncodedWal[]): readonly ArrayBuffer[] {
  const buffers = encoded.flatMap(({ pieces }) => pieces.map(({ buffer }) => buffer))
  return [...new Set(buffers.filter(buffer => buffer instanceof ArrayBuffer))]
}
