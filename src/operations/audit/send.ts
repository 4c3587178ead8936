/**
 * Copies what a repository does not have yet of this host's audit trail.
 *
 *     <folder>/sent.json    by repository: the newest object there, so that not all are listed each time
 */
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEntry, type Entry } from '../../audit/entry.ts'
import { giveToOwner } from '../../audit/folder.ts'
import { awaitTurn, readHead, readLines } from '../../audit/journal.ts'
import { auditLimits } from '../../audit/limits.ts'
import type { World } from '../../base/world.ts'
import type { Encoding } from '../../pipeline/codec.ts'
import { auditBatches, putAuditBatch } from '../../repository/audit-batches.ts'
import type { Repository } from '../../repository/repository.ts'

export interface SendPlace {
  readonly repository: Repository
  readonly encoding: Encoding
}

export interface Sent {
  /** How many were copied now. */
  readonly entries: number
  /** The newest that the repository has. */
  readonly last: number
}

export async function sendTrail(
  folder: string,
  { repository, encoding }: SendPlace,
  world: World,
  signal: AbortSignal,
): Promise<Sent> {
  const head = await readHead(folder)
  if (!head) return { entries: 0, last: 0 }
  const { chain } = head
  await using _turn = await awaitTurn(folder, 'send', world, signal)
  const notes = await readNotes(folder)
  const before = await newestThere(repository, chain, notes[repository.id], signal)
  let key = before.key
  let last = before.last
  for await (const batch of batchesAfter(folder, last)) {
    const [first, end] = [batch[0], batch.at(-1)]
    if (!first || !end || first.entry.chain !== chain) continue
    const name = { chain, first: first.entry.n, last: end.entry.n, hash: end.entry.hash }
    key = await putAuditBatch(
      repository,
      name,
      batch.map(({ line }) => line),
      encoding,
      signal,
    )
    last = end.entry.n
  }
  if (key !== undefined && key !== notes[repository.id])
    await writeNotes(folder, { ...notes, [repository.id]: key })
  return { entries: last - before.last, last }
}

/** From the note on, when what it names is there; else all are listed. */
async function newestThere(
  repository: Repository,
  chain: string,
  noted: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly last: number; readonly key: string | undefined }> {
  // Looked for in the list, since who writes it may not read it.
  const near = noted === undefined ? [] : await Array.fromAsync(repository.storage.list(noted, signal))
  const isThere = noted !== undefined && near.length > 0
  let last = isThere ? lastIn(noted) : 0
  let key = isThere ? noted : undefined
  for await (const batch of auditBatches(repository, { chain, after: key }, signal)) {
    if (batch.last < last) continue
    last = batch.last
    key = batch.key
  }
  return { last, key }
}

const lastIn = (key: string): number => Number(/-(\d{12})-[0-9a-f]{64}\.jsonl/.exec(key)?.[1] ?? 0)

interface Line {
  readonly line: string
  readonly entry: Entry
}

/** Entries without a gap between them, of bounded size. Lines that are none are left out: the trail was damaged here. */
async function* batchesAfter(folder: string, last: number): AsyncIterable<readonly Line[]> {
  let batch: Line[] = []
  let chars = 0
  for await (const { line } of readLines(folder, last + 1)) {
    const entry = parseEntry(line)
    if (!entry || entry.n <= last) continue
    const isNext = batch.length === 0 || batch.at(-1)?.entry.n === entry.n - 1
    if (!isNext || chars + line.length > auditLimits.batchCharsMax) {
      yield batch
      batch = []
      chars = 0
    }
    batch.push({ line, entry })
    chars += line.length
  }
  if (batch.length > 0) yield batch
}

type Notes = Readonly<Record<string, string | undefined>>

/** One that can not be read only costs a longer list. */
async function readNotes(folder: string): Promise<Notes> {
  try {
    const value: unknown = JSON.parse(await readFile(join(folder, 'sent.json'), 'utf8'))
    const entries = Object.entries(value ?? {}) as readonly [string, unknown][]
    return Object.fromEntries(entries.filter((pair): pair is [string, string] => typeof pair[1] === 'string'))
  } catch {
    return {}
  }
}

async function writeNotes(folder: string, notes: Notes): Promise<void> {
  const path = join(folder, 'sent.json')
  await writeFile(`${path}.new`, JSON.stringify(notes), { mode: 0o600 })
  await giveToOwner(`${path}.new`, folder)
  await rename(`${path}.new`, path)
}
