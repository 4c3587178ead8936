/** The end of a file of entries: the last one that is whole, and what a process left half written that was killed. */
import type { FileHandle } from 'node:fs/promises'
import { auditLimits } from './limits.ts'
import { parseEntry, type Entry } from './entry.ts'
import { lineEnd, textOf } from './lines.ts'

export interface FileEnd {
  readonly entry: Entry | undefined
  /** The size without what is torn. */
  readonly wholeBytes: number
  readonly torn: { readonly bytes: number; readonly text: string } | undefined
  /** Its last line is an entry, and only the end of the line was not written any more. */
  readonly lacksLineEnd: boolean
}

export async function lookAtEnd(file: FileHandle): Promise<FileEnd> {
  const { size } = await file.stat()
  const near = await endOf(file, size, auditLimits.endBytes)
  // Only where many lines are damaged is more of the file looked at.
  return near.entry || size <= auditLimits.endBytes ? near : endOf(file, size, size)
}

async function endOf(file: FileHandle, sizeBytes: number, lookBytes: number): Promise<FileEnd> {
  const fromBytes = Math.max(0, sizeBytes - lookBytes)
  const bytes = await readWhole(file, fromBytes, sizeBytes)
  const cut = bytes.lastIndexOf(lineEnd) + 1
  const lines = textOf(bytes.subarray(0, cut)).split('\n')
  const rest = textOf(bytes.subarray(cut))
  const unended = rest === '' ? undefined : parseEntry(rest)
  if (unended) return { entry: unended, wholeBytes: sizeBytes, torn: undefined, lacksLineEnd: true }
  const torn =
    rest === '' ? undefined : { bytes: bytes.length - cut, text: rest.slice(0, auditLimits.tornCharsMax) }
  let entry: Entry | undefined
  for (const line of lines.toReversed()) if ((entry ??= parseEntry(line))) break
  return { entry, wholeBytes: fromBytes + cut, torn, lacksLineEnd: false }
}

async function readWhole(file: FileHandle, fromBytes: number, toBytes: number): Promise<Buffer> {
  const bytes = Buffer.alloc(toBytes - fromBytes)
  let done = 0
  while (done < bytes.length) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, fromBytes + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return bytes.subarray(0, done)
}
