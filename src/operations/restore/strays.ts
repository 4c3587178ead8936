/**
 * A delta restore ends with the files of the backup and no others: what else is in the directory is removed.
 *
 * Millions of paths are remembered as numbers, 8 bytes each. Two paths may share one by chance (once in a billion
 * restores); then a stray file stays, which PostgreSQL passes over.
 */
import { lstat, opendir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { markerName } from './target-directory.ts'

export class PathSet {
  #hashes = new Float64Array(1024)
  #count = 0
  #sorted = true

  add(path: string): void {
    if (this.#count === this.#hashes.length) {
      const larger = new Float64Array(this.#hashes.length * 2)
      larger.set(this.#hashes)
      this.#hashes = larger
    }
    this.#hashes[this.#count++] = hashOf(path)
    this.#sorted = false
  }

  has(path: string): boolean {
    if (!this.#sorted) this.#hashes.subarray(0, this.#count).sort()
    this.#sorted = true
    const wanted = hashOf(path)
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#hashes[middle] ?? 0) < wanted) low = middle + 1
      else high = middle
    }
    return low < this.#count && this.#hashes[low] === wanted
  }
}

/** 53 bits: two FNV-1a hashes with different starts. */
function hashOf(path: string): number {
  let a = 0x811c9dc5
  let b = 0x9747b28c
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i)
    a = Math.imul(a ^ code, 0x01000193)
    b = Math.imul(b ^ code, 0x85ebca6b) ^ (b >>> 13)
  }
  return (a >>> 0) * 0x20_0000 + (b >>> 11)
}

/** Removes files that are not in `kept`; links of tablespaces are followed, directories stay. Returns how many went. */
export async function removeStrays(directory: string, kept: PathSet, signal: AbortSignal): Promise<number> {
  let removed = 0
  const pending = ['']
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    signal.throwIfAborted()
    for await (const entry of await opendir(join(directory, path))) {
      const inside = path === '' ? entry.name : `${path}/${entry.name}`
      const isTablespace = /^pg_tblspc\/\d+$/.test(inside)
      if (inside === markerName || inside === 'lost+found') continue
      const isDirectory =
        entry.isDirectory() || ((isTablespace || inside === 'pg_wal') && entry.isSymbolicLink())
      if (isDirectory) {
        pending.push(inside)
      } else if (!kept.has(inside)) {
        await rm(join(directory, inside), { force: true })
        removed++
      }
    }
  }
  return removed
}

/** The size of all files below a directory; 0 when there is none. For space that will be written over. */
export async function sizeOfTree(directory: string, signal: AbortSignal): Promise<number> {
  let bytes = 0
  const pending = [directory]
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    signal.throwIfAborted()
    const entries = await opendir(path).catch(() => undefined)
    if (!entries) continue
    for await (const entry of entries) {
      if (entry.isDirectory()) pending.push(join(path, entry.name))
      else if (entry.isFile())
        bytes += (await lstat(join(path, entry.name)).catch(() => undefined))?.size ?? 0
    }
  }
  return bytes
}
