/** Whether the configured key still opens what is sealed: proven on the header of the newest WAL file, each time. */
import { isFault, type Fault } from '../../base/fault.ts'
import { isAge, nonceSizeBytes, openFileKey, parseAgeHeader } from '../../pipeline/age.ts'
import { ageHeaderSizeBytesMax } from '../../pipeline/codec.ts'
import type { Repository } from '../../repository/repository.ts'
import type { StoredWal } from '../copy/holdings.ts'

/** `opens`, why it does not, or undefined where there is no key here, nothing sealed, or nothing that may be read. */
export async function proveKey(
  { storage }: Pick<Repository, 'storage'>,
  wal: ReadonlyMap<string, StoredWal>,
  identities: () => Promise<readonly string[]>,
  signal: AbortSignal,
): Promise<'opens' | Fault | undefined> {
  try {
    const keys = await identities()
    const newest = [...wal.values()].reduce<StoredWal | undefined>(
      (best, each) => (best && best.modifiedMs >= each.modifiedMs ? best : each),
      undefined,
    )
    if (keys.length === 0 || !newest) return undefined
    const range = { startBytes: 0, endBytes: Math.min(newest.sizeBytes, ageHeaderSizeBytesMax) }
    const start = Buffer.concat(await Array.fromAsync(storage.get(newest.key, range, signal)))
    const header = isAge(start) ? parseAgeHeader(start) : undefined
    if (!header) return undefined
    await openFileKey(start.subarray(0, header.payloadOffsetBytes - nonceSizeBytes), keys)
    return 'opens'
  } catch (error) {
    signal.throwIfAborted()
    if (!isFault(error)) throw error
    return isFault(error, 'KEY_WRONG', 'CONFIG_INVALID') ? error : undefined
  }
}
