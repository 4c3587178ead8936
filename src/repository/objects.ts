/** Small objects, read and written whole. */
import { Fault, isFault } from '../base/fault.ts'
import { formatBytes } from '../base/units.ts'
import { bodyOf, type Storage } from '../storage/storage.ts'

/** Undefined only when the storage says that there is no such object. */
export async function readWhole(
  storage: Storage,
  key: string,
  sizeBytesMax: number,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const pieces: Uint8Array[] = []
  let sizeBytes = 0
  try {
    for await (const piece of storage.get(key, undefined, signal)) {
      sizeBytes += piece.length
      if (sizeBytes > sizeBytesMax) throw tooLarge(storage, key, sizeBytesMax)
      pieces.push(piece)
    }
  } catch (error) {
    if (isFault(error, 'OBJECT_MISSING')) return undefined
    throw error
  }
  return pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces)
}

/** Writes once. `same`: the very same bytes are there already, perhaps by our own first try whose answer was lost. */
export async function writeOnce(
  storage: Storage,
  key: string,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<'written' | 'same' | 'other'> {
  if ((await storage.put(key, bodyOf(bytes), signal)) === 'written') return 'written'
  const there = await readWhole(storage, key, Number.MAX_SAFE_INTEGER, signal)
  return there && Buffer.compare(there, bytes) === 0 ? 'same' : 'other'
}

function tooLarge({ location }: Storage, key: string, sizeBytesMax: number): Fault {
  return new Fault(
    'OBJECT_CORRUPT',
    `${key} in ${location} has more than the ${formatBytes(sizeBytesMax)} it can have`,
    {
      hint: 'Run holdfast verify to see what else is damaged; another copy of the repository may still have this object.',
    },
  )
}
