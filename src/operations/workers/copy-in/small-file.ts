/**
 * Writes a file that is there in one piece. All calls are synchronous: for a small file they take some 30 microseconds,
 * and several times that by way of the thread pool.
 */
import { closeSync, fchmodSync, fchownSync, futimesSync, openSync, writeSync } from 'node:fs'
import type { ManifestFile } from '../../../repository/format/manifest.ts'
import type { FileOwner } from '../messages.ts'
import { createFlags, unwritable } from './target-file.ts'

export function writeSmallFile(
  path: string,
  bytes: Uint8Array,
  { mode, modifiedMs }: ManifestFile,
  owner: FileOwner | undefined,
): void {
  try {
    const fd = openSync(path, createFlags, 0o600)
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, done)
      if (owner) fchownSync(fd, owner.userId, owner.groupId)
      if (mode !== 0o600) fchmodSync(fd, mode)
      futimesSync(fd, modifiedMs / 1000, modifiedMs / 1000)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    throw unwritable(path, error)
  }
}
