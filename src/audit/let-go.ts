/**
 * Lets go of what is old at the beginning of a host's chain. First an entry says up to where, with the hash of the last one
 * that goes: the chain goes on from there, and whoever checks it knows why it begins late. Then each file gets to be what is
 * left of it, in one stroke.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceDurably } from '../base/replace-durably.ts'
import type { World } from '../base/world.ts'
import { parseEntry, type Entry, type Facts, type Head } from './entry.ts'
import { filesIn, ownerLike, syncFolder } from './folder.ts'
import { awaitTurn, readLines } from './journal.ts'
import { linesOf } from './lines.ts'

/** `about` of the entry that says so. */
export const letGoAbout = 'audit let go'

/** Where entries were let go: of this host, or the copies in the repository of that name. */
export const here = 'here'

/** For the entry. */
export const letGoFacts = (where: string, { chain, n, hash }: Head): Facts => ({
  where,
  chain,
  n,
  hash,
})

/** What such an entry says; undefined: it is another one. */
export function letGoBy(entry: Entry): (Head & { readonly where: string }) | undefined {
  if (entry.event !== 'note' || entry.about !== letGoAbout) return undefined
  const { where, chain, n, hash } = entry.facts
  if (typeof where !== 'string' || typeof chain !== 'string') return undefined
  return typeof n === 'number' && typeof hash === 'string' ? { where, chain, n, hash } : undefined
}

export interface OldEntries {
  /** The newest of them. */
  readonly start: Head
  readonly entries: number
}

/** Those at the beginning that are older, up to `upTo`; the newest entry of all is none. Undefined: there are none. */
export async function findOld(
  folder: string,
  { olderThanMs, upTo = Infinity }: { readonly olderThanMs: number; readonly upTo?: number | undefined },
): Promise<OldEntries | undefined> {
  let old: OldEntries | undefined
  let before: Entry | undefined
  for await (const { line } of readLines(folder)) {
    const entry = parseEntry(line)
    // What is damaged stays to be seen.
    if (!entry) return old
    if (before) {
      const { chain, n, hash } = before
      old = { start: { chain, n, hash }, entries: (old?.entries ?? 0) + 1 }
    }
    if (Date.parse(entry.at) >= olderThanMs || entry.n > upTo) return old
    before = entry
  }
  return old
}

/** When the entry that says so is written. */
export async function letGo(
  folder: string,
  { chain, n }: Head,
  world: World,
  signal: AbortSignal,
): Promise<void> {
  await using _turn = await awaitTurn(folder, 'write', world, signal)
  const files = await filesIn(folder)
  for (const [i, name] of files.entries()) {
    const path = join(folder, name)
    const kept: string[] = []
    let isOld = true
    let gone = 0
    for await (const { line, isEnded } of linesOf(path)) {
      const entry: Entry | undefined = isOld ? parseEntry(line) : undefined
      isOld = entry?.chain === chain && entry.n <= n
      if (isOld) gone++
      else kept.push(isEnded ? `${line}\n` : line)
    }
    if (gone === 0) break
    if (kept.length === 0 && i < files.length - 1) await rm(path)
    // Under the name that it had: names say only that nothing older is in it.
    else await replaceDurably(path, kept.join(''), { owner: await ownerLike(folder) })
  }
  await syncFolder(folder)
}
