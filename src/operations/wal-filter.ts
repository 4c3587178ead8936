/**
 * A file that says which relations a scratch cluster has: `wal get --withhold FILE` takes everything else out of the WAL
 * that it fetches. Written by restore-table, and gone with its scratch.
 */
import { readFile } from 'node:fs/promises'
import { Fault, messageOf } from '../base/fault.ts'
import { crc32c } from '../pipeline/crc32c.ts'
import { withholdRecords, type IsWanted } from '../postgres/wal-records/withhold-records.ts'
import type { RelationLocator } from '../postgres/wal-records/decode-record.ts'
import { classifyWalFile } from '../wal/segment.ts'
import { writeDurably } from './wal-get.ts'

export interface WalFilter {
  /** The databases that are there, as far as they are. */
  readonly databases: readonly number[]
  /** What is not there of them: `<tablespace>/<database>/<file>`. Files that came later are. */
  readonly withheld: ReadonlySet<string>
}

export const relationKey = ({ tablespace, database, relation }: RelationLocator): string =>
  `${String(tablespace)}/${String(database)}/${String(relation)}`

export function encodeWalFilter({ databases, withheld }: WalFilter): string {
  return [databases.join(' '), ...withheld, ''].join('\n')
}

export function decodeWalFilter(text: string): WalFilter {
  const [databases = '', ...withheld] = text.split('\n')
  return { databases: databases.split(' ').map(Number), withheld: new Set(withheld) }
}

export function wantedBy({ databases, withheld }: WalFilter): IsWanted {
  return place =>
    place.database === 0 || (databases.includes(place.database) && !withheld.has(relationKey(place)))
}

/** Of a segment that has just been fetched to `path`; other files stay as they are. */
export async function filterFetched(name: string, path: string, filterPath: string): Promise<void> {
  if (!['segment', 'partial'].includes(classifyWalFile(name)?.kind ?? '')) return
  const filter = decodeWalFilter(await read(filterPath))
  const bytes = await read(path, 'bytes')
  if (withholdRecords(bytes, wantedBy(filter), crc32c) > 0) await writeDurably(path, bytes)
}

async function read(path: string): Promise<string>
async function read(path: string, as: 'bytes'): Promise<Uint8Array>
async function read(path: string, as?: 'bytes'): Promise<string | Uint8Array> {
  try {
    return as === 'bytes' ? await readFile(path) : await readFile(path, 'utf8')
  } catch (error) {
    throw new Fault('TARGET_DIRECTORY', `can not read ${path}: ${messageOf(error)}`, {
      hint: 'The scratch cluster was removed under its server; run holdfast restore-table again.',
      cause: error,
    })
  }
}
