/**
 * Keys: UTF-8 paths with `/` between parts. One rule for all drivers, narrow enough for every file system and
 * object store. No part begins with a dot: that shuts out `.` and `..`, and leaves dotted names to the drivers.
 */
import { assert } from '../base/assert.ts'
import type { ListRange } from './storage.ts'

const keySizeBytesMax = 1024
const partSizeBytesMax = 255

/** Keys are made by our own code, from parts that were checked when they were read: a bad one is a bug. */
export function assertKey(key: string): void {
  assert(isKey(key), `${JSON.stringify(key)} is a storage key`)
}

/** A prefix is the beginning of a key, cut anywhere. */
export function assertPrefix(prefix: string): void {
  assert(
    prefix === '' || isKey(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix),
    `${JSON.stringify(prefix)} is a key's prefix`,
  )
}

export function isKey(key: string): boolean {
  return Buffer.byteLength(key) <= keySizeBytesMax && key.isWellFormed() && key.split('/').every(isPart)
}

function isPart(part: string): boolean {
  return (
    part !== '' &&
    !part.startsWith('.') &&
    !/[\u0000-\u001f\u007f]/.test(part) &&
    Buffer.byteLength(part) <= partSizeBytesMax
  )
}

/** The order of UTF-8 bytes, which is not that of JavaScript's UTF-16 strings. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** What `list` was asked for, checked. */
export interface KeyRange {
  readonly prefix: string
  readonly after: string | undefined
  readonly isIn: (key: string) => boolean
  /** Whether keys that begin with this folder's name (which ends in `/`) may be in the range. */
  readonly reaches: (folder: string) => boolean
}

export function rangeOf(what: string | ListRange): KeyRange {
  const { prefix, after } = typeof what === 'string' ? { prefix: what, after: undefined } : what
  assertPrefix(prefix)
  const isAfter = (key: string): boolean => after === undefined || compareKeys(key, after) > 0
  return {
    prefix,
    after,
    isIn: key => key.startsWith(prefix) && isAfter(key),
    reaches: folder =>
      (folder.startsWith(prefix) || prefix.startsWith(folder)) &&
      (isAfter(folder) || after?.startsWith(folder) === true),
  }
}
