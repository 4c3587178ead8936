/** Ways in which storage damages what was given to it. */
import { closeSync, openSync, readSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs'

export type Damage =
  'flip at the start' | 'flip in the middle' | 'flip at the end' | 'cut in half' | 'cut to nothing' | 'remove'

export const damages: readonly Damage[] = [
  'flip at the start',
  'flip in the middle',
  'flip at the end',
  'cut in half',
  'cut to nothing',
  'remove',
]

export function inflict(damage: Damage, path: string): void {
  const sizeBytes = statSync(path).size
  switch (damage) {
    case 'flip at the start':
      flipByte(path, Math.min(40, sizeBytes - 1))
      return
    case 'flip in the middle':
      flipByte(path, Math.floor(sizeBytes / 2))
      return
    case 'flip at the end':
      flipByte(path, sizeBytes - 3)
      return
    case 'cut in half':
      truncateSync(path, Math.floor(sizeBytes / 2))
      return
    case 'cut to nothing':
      truncateSync(path, 0)
      return
    case 'remove':
      rmSync(path)
      return
  }
}

/** One bit, as a disk or a memory module does it. */
export function flipByte(path: string, at: number): void {
  const handle = openSync(path, 'r+')
  try {
    const byte = Buffer.alloc(1)
    readSync(handle, byte, 0, 1, at)
    byte[0] = (byte[0] ?? 0) ^ 0x04
    writeSync(handle, byte, 0, 1, at)
  } finally {
    closeSync(handle)
  }
}
