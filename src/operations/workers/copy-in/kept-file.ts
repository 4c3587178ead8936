/** For a delta restore: whether a file of the target has the right bytes already. */
import { fchmodSync, fchownSync } from 'node:fs'
import { crc32c } from '../../../pipeline/crc32c.ts'
import type { ManifestFile } from '../../../repository/format/manifest.ts'
import { closeSource, openSource, readSource } from '../copy-out/source-file.ts'
import type { FileOwner } from '../messages.ts'

/** Reads the whole file, by way of `buffer`. Mode and owner are set right in passing. */
export function isRightAlready(
  path: string,
  file: ManifestFile,
  owner: FileOwner | undefined,
  buffer: Uint8Array,
): boolean {
  const source = openSource(path)
  if (!source) return false
  try {
    if (source.sizeBytes !== file.sizeBytes) return false
    let crc = 0
    for (let atBytes = 0; atBytes < file.sizeBytes;) {
      const got = readSource(source, buffer, atBytes)
      if (got === 0) return false
      crc = crc32c(buffer.subarray(0, got), crc)
      atBytes += got
    }
    if (crc !== file.crc32c) return false
    if (source.mode !== file.mode) fchmodSync(source.fd, file.mode)
    if (owner) fchownSync(source.fd, owner.userId, owner.groupId)
    return true
  } finally {
    closeSource(source)
  }
}
