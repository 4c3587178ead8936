/** Until when what lies in an archive is kept: notes beside it, each written once. */
import { Fault } from '../base/fault.ts'
import {
  encodeKeptRecord,
  keptName,
  parseKeptName,
  type Keep,
  type KeptRecord,
} from './format/kept-record.ts'
import { keptKey, keptPrefix } from './layout.ts'
import type { Repository } from './repository.ts'
import { bodyOf } from '../storage/storage.ts'

/** `folder` is that of a backup or a dump in an archive. */
export async function readKeeps(
  { storage }: Repository,
  folder: string,
  signal: AbortSignal,
): Promise<readonly Keep[]> {
  const prefix = keptPrefix(folder)
  const keeps: Keep[] = []
  for await (const { key } of storage.list(prefix, signal)) {
    const keep = parseKeptName(key.slice(prefix.length).replace(/\.json$/, ''))
    if (keep) keeps.push(keep)
  }
  return keeps
}

/** Harmless when it is there: its name says all that counts. */
export async function writeKept(
  { storage }: Repository,
  folder: string,
  record: KeptRecord,
  signal: AbortSignal,
): Promise<string> {
  const key = keptKey(folder, keptName(record))
  await storage.put(key, bodyOf(encodeKeptRecord(record)), signal)
  if (await storage.stat(key, signal)) return key
  throw new Fault('OBJECT_MISSING', `${key} was written to ${storage.location} and is not there`, {
    hint: 'Find out what deletes from the repository, then run it again.',
  })
}

/** The longest one. Undefined: there is none; `untilMs` undefined: for ever. */
export function longestOf(keeps: readonly Keep[]): Keep | undefined {
  return keeps.toSorted((a, b) => (b.untilMs ?? Infinity) - (a.untilMs ?? Infinity))[0]
}
