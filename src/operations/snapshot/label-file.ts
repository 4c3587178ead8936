/** `backup_label` as the repository keeps it: one small file in the only pack of a snapshot. */
import { assert } from '../../base/assert.ts'
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { decodeStream } from '../../pipeline/codec.ts'
import { crc32c } from '../../pipeline/crc32c.ts'
import { readManifestFiles } from '../sources/manifest.ts'
import { fromFirstCopy } from '../sources/read-copies.ts'
import type { BackupCopy } from '../sources/source.ts'
import type { TroubleLog } from '../sources/trouble.ts'

export async function readLabelFile(
  copies: readonly BackupCopy[],
  troubles: TroubleLog,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const id = copies[0]?.record.id ?? ''
  for await (const files of readManifestFiles(copies, troubles, signal)) {
    const label = files.find(({ path }) => path === 'backup_label')
    if (!label) continue
    const nameIn = ({ record }: BackupCopy): string => record.packs[0]?.name ?? ''
    const raw = await fromFirstCopy(copies, { nameIn, troubles }, async ({ source }, key) =>
      wholeOf(decodeStream(source.repository.storage.get(key, undefined, signal), source.identities), key),
    )
    const bytes = raw.subarray(label.offsetBytes, label.offsetBytes + label.sizeBytes)
    if (bytes.length === label.sizeBytes && crc32c(bytes, 0) === label.crc32c) return bytes
    throw damaged(id, 'its checksum is not that of the manifest')
  }
  throw damaged(id, 'the manifest does not name it')
}

async function wholeOf(stream: AsyncIterable<Uint8Array>, key: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of stream) {
    length += piece.length
    if (length > limits.walTextSizeBytesMax) throw damaged(key, 'the pack is far too large')
    // The decoder may use its buffer again.
    pieces.push(Uint8Array.from(piece))
  }
  assert(length <= limits.walTextSizeBytesMax, 'label files are small')
  return Buffer.concat(pieces)
}

const damaged = (id: string, why: string): Fault =>
  new Fault('OBJECT_CORRUPT', `backup_label of ${id} can not be read: ${why}`, {
    hint: 'Restore from another backup (--backup ID), and run holdfast verify to see what else is damaged.',
  })
