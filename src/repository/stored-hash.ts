/**
 * Whether an object is, byte by byte, what was stored.
 *
 * Asked when no key opens it: a damaged header looks like one that was sealed to somebody else, and only the hash tells
 * damage, which is for `verify` to report, from a wrong key, which is for the person to mend.
 */
import { createHash } from 'node:crypto'
import type { Storage } from '../storage/storage.ts'

export async function hasStoredHash(
  storage: Pick<Storage, 'get'>,
  key: string,
  sha256: string,
  signal: AbortSignal,
): Promise<boolean> {
  const digest = createHash('sha256')
  for await (const piece of storage.get(key, undefined, signal)) digest.update(piece)
  return digest.digest('hex') === sha256
}
