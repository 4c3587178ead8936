/** Where a pack lies in its backup's folder: `data/00001.tar.zst.age`. Packs are numbered from 1. */
import { suffixOf, type Encoding } from '../../pipeline/codec.ts'

export function packName(number: number, encoding: Encoding): string {
  return `data/${String(number).padStart(5, '0')}.tar${suffixOf(encoding)}`
}

/** Undefined when the name is not a pack's. */
export function packNumberOf(name: string): number | undefined {
  const match = /^data\/(\d{5,})\.tar\.zst(?:\.age)?$/.exec(name)
  return match ? Number(match[1]) : undefined
}
