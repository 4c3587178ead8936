/** Reads an object in large pieces, always one piece ahead of the consumer. */
import { open, type FileHandle } from 'node:fs/promises'
import { Fault, errnoOf } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import type { ByteRange } from '../../storage.ts'
import { guarded } from './faults.ts'

export async function* readObject(
  path: string,
  range: ByteRange | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  signal.throwIfAborted()
  const handle = await guarded('read', path, () => open(path, 'r'))
  let ahead: Promise<Uint8Array> | undefined
  try {
    const info = await guarded('read', path, () => handle.stat())
    if (!info.isFile()) throw missing(path)
    const endBytes = Math.min(range?.endBytes ?? info.size, info.size)
    let atBytes = Math.min(range?.startBytes ?? 0, endBytes)
    const readNext = (): Promise<Uint8Array> | undefined => {
      if (atBytes >= endBytes) return undefined
      const sizeBytes = Math.min(limits.storagePieceSizeBytes, endBytes - atBytes)
      const piece = readPiece(handle, path, atBytes, sizeBytes)
      piece.catch(() => undefined)
      atBytes += sizeBytes
      return piece
    }
    ahead = readNext()
    while (ahead) {
      const piece: Uint8Array = await ahead
      signal.throwIfAborted()
      ahead = readNext()
      yield piece
    }
  } finally {
    await ahead?.catch(() => undefined)
    await handle.close()
  }
}

async function readPiece(
  handle: FileHandle,
  path: string,
  atBytes: number,
  sizeBytes: number,
): Promise<Uint8Array> {
  const piece = Buffer.allocUnsafeSlow(sizeBytes)
  for (let done = 0; done < sizeBytes;) {
    const { bytesRead } = await guarded('read', path, () =>
      handle.read(piece, done, sizeBytes - done, atBytes + done),
    )
    if (bytesRead === 0) {
      throw new Fault('OBJECT_CORRUPT', `${path} became shorter while it was read`, {
        hint: 'Find out what changes files in the repository: Holdfast itself never does. Then run holdfast verify.',
      })
    }
    done += bytesRead
  }
  return piece
}

export function missing(path: string, cause?: unknown): Fault {
  return new Fault('OBJECT_MISSING', `${path} is not there`, {
    hint: 'Run holdfast verify to see what else is missing; another copy of the repository may still have it.',
    cause,
  })
}

/** The name, or a folder above it, is not there. */
export function isAbsence(error: unknown): boolean {
  const cause = error instanceof Fault ? error.cause : error
  return ['ENOENT', 'ENOTDIR'].includes(errnoOf(cause) ?? '')
}
