/** Checks this host's trail: by itself, against its copies, and the copies of all hosts by what is in them. */
import { ChainCheck, type ChainProblem } from '../../audit/check-chain.ts'
import { parseEntry, type Head } from '../../audit/entry.ts'
import { readHead, readLines } from '../../audit/journal.ts'
import { isFault } from '../../base/fault.ts'
import { auditBatches, readAuditBatch, type StoredAuditBatch } from '../../repository/audit-batches.ts'
import type { Repository } from '../../repository/repository.ts'
import { compareCopy, numbersIn } from './compare.ts'

export interface CopyPlace {
  readonly name: string
  readonly repository: Repository
}

export interface TrailReport {
  readonly entries: number
  readonly head: Head | undefined
  readonly copies: readonly CopyReport[]
  readonly problems: readonly ChainProblem[]
}

export interface CopyReport {
  readonly repository: string
  /** Of this host's trail. */
  readonly copied: number
  readonly owed: number
  /** Of the other trails there: how far they go. */
  readonly others: Readonly<Record<string, number>>
}

/** `wanted`: an entry that has to be there. */
export async function checkTrail(
  folder: string,
  places: readonly CopyPlace[],
  wanted: Pick<Head, 'n' | 'hash'> | undefined,
  signal: AbortSignal,
): Promise<TrailReport> {
  // First of all: what is sent while this looks is newer.
  const there = await Promise.all(
    places.map(async ({ name, repository }) => ({
      name,
      batches: await Array.fromAsync(auditBatches(repository, {}, signal)),
    })),
  )
  const begun = await readHead(folder)
  const numbers = numbersIn(there.flatMap(({ batches }) => batches))
  const hashes = new Map<number, string>()
  const check = new ChainCheck()
  for await (const { line, place } of readLines(folder)) {
    const entry = check.take(line, place)
    if (entry && (numbers.has(entry.n) || entry.n === wanted?.n)) hashes.set(entry.n, entry.hash)
  }
  const chain = (check.last ?? begun)?.chain
  const compared = there.map(({ name, batches }) => {
    const own = batches.filter(batch => batch.chain === chain)
    return { name, others: reachOf(batches, chain), ...compareCopy(name, check.last ?? begun, hashes, own) }
  })
  const problems = [...check.problems, ...compared.flatMap(copy => copy.problems)]
  if (wanted && hashes.get(wanted.n) !== wanted.hash)
    problems.push({
      chain,
      n: wanted.n,
      message: `there is no entry ${String(wanted.n)} with the hash ${wanted.hash}: it was removed or replaced`,
    })
  const copies = compared.map(({ name, copied, owed, others }) => ({
    repository: name,
    copied,
    owed,
    others,
  }))
  return { entries: check.count, head: check.last, copies, problems }
}

/**
 * Reads what is in the copies; of each chain it has to follow from its first entry, and end as the names say. The same
 * entries may lie there twice, in objects of different lengths: sent by the host, and copied from another repository.
 */
export async function checkContents(
  { name, repository }: CopyPlace,
  identities: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly entries: number; readonly problems: readonly ChainProblem[] }> {
  const problems: ChainProblem[] = []
  let entries = 0
  const batches = await Array.fromAsync(auditBatches(repository, {}, signal))
  for (const [chain, some] of Map.groupBy(batches, batch => batch.chain)) {
    const read: ReadChain = { check: new ChainCheck(), hashes: new Map() }
    for (const batch of some) {
      const wrong = await checkBatch(repository, batch, read, identities, signal)
      if (wrong !== undefined)
        problems.push({ chain, n: batch.first, message: `repository ${name}: ${wrong}` })
    }
    problems.push(...read.check.problems)
    entries += read.check.count
  }
  return { entries, problems }
}

interface ReadChain {
  readonly check: ChainCheck
  /** Of its entries, by their numbers. */
  readonly hashes: Map<number, string>
}

async function checkBatch(
  repository: Repository,
  batch: StoredAuditBatch,
  { check, hashes }: ReadChain,
  identities: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const lines = await readAuditBatch(repository, batch, identities, signal)
    for (const [i, line] of lines.entries()) {
      const known = parseEntry(line)
      if (known && hashes.get(known.n) === known.hash) continue
      const entry = check.take(line, `line ${String(i + 1)} of ${batch.key}`)
      if (entry) hashes.set(entry.n, entry.hash)
    }
    return hashes.get(batch.last) === batch.hash
      ? undefined
      : `${batch.key} does not end with the entry that its name says`
  } catch (error) {
    if (isFault(error, 'OBJECT_CORRUPT', 'OBJECT_MISSING')) return `${batch.key}: ${error.message}`
    throw error
  }
}

function reachOf(
  batches: readonly StoredAuditBatch[],
  own: string | undefined,
): Readonly<Record<string, number>> {
  const reach: Record<string, number> = {}
  for (const { chain, last } of batches) if (chain !== own) reach[chain] = Math.max(reach[chain] ?? 0, last)
  return reach
}
