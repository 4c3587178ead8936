/** Checks this host's trail: by itself, against its copies, and the copies of all hosts by what is in them. */
import { ChainCheck, type ChainProblem } from '../../audit/check-chain.ts'
import { parseEntry, type Head } from '../../audit/entry.ts'
import { readHead, readLines } from '../../audit/journal.ts'
import { here, letGoBy } from '../../audit/let-go.ts'
import { isFault } from '../../base/fault.ts'
import {
  auditBatches,
  readAuditBatch,
  readStoredTrails,
  type StoredAuditBatch,
} from '../../repository/audit-batches.ts'
import type { Repository } from '../../repository/repository.ts'
import { compareCopy, numbersIn } from './compare.ts'

export interface CopyPlace {
  readonly name: string
  readonly repository: Repository
}

export interface TrailReport {
  readonly entries: number
  /** Of the first entry that is there. */
  readonly first: number
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

/**
 * `wanted`: an entry that has to be there. `olderThanMs`: entries from before this time may have been let go; undefined: they
 * are kept for ever.
 */
export async function checkTrail(
  folder: string,
  places: readonly CopyPlace[],
  { wanted, olderThanMs }: TrailWishes,
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
  const { check, hashes, letGo, old } = await readOwn(folder, { numbers, wanted, olderThanMs })
  const chain = (check.last ?? begun)?.chain
  check.accept(letGo.filter(({ where }) => where === here))
  const compared = there.map(({ name, batches }) => {
    const own = batches.filter(batch => batch.chain === chain)
    const gone = letGo.filter(one => one.where === name && one.chain === chain).map(({ n }) => n)
    const mayLack = Math.max(old, ...gone)
    const about = { head: check.last ?? begun, hashes, first: check.first, mayLack }
    return { name, others: reachOf(batches, chain), ...compareCopy(name, about, own) }
  })
  const problems = [...check.problems, ...compared.flatMap(copy => copy.problems)]
  if (wanted && hashes.get(wanted.n) !== wanted.hash)
    problems.push({ chain, n: wanted.n, message: lackText(wanted, check.first) })
  const copies = compared.map(({ name, copied, owed, others }) => ({
    repository: name,
    copied,
    owed,
    others,
  }))
  return { entries: check.count, first: check.first, head: check.last, copies, problems }
}

export interface TrailWishes {
  readonly wanted?: Pick<Head, 'n' | 'hash'> | undefined
  readonly olderThanMs?: number | undefined
}

interface OwnTrail {
  readonly check: ChainCheck
  /** Of entries that are asked for. */
  readonly hashes: ReadonlyMap<number, string>
  readonly letGo: readonly (Head & { readonly where: string })[]
  /** The newest entry that is old enough to be let go; 0: there is none. */
  readonly old: number
}

async function readOwn(
  folder: string,
  { numbers, wanted, olderThanMs = -Infinity }: TrailWishes & { readonly numbers: ReadonlySet<number> },
): Promise<OwnTrail> {
  const check = new ChainCheck()
  const hashes = new Map<number, string>()
  const letGo: (Head & { readonly where: string })[] = []
  let old = 0
  for await (const { line, place } of readLines(folder)) {
    const entry = check.take(line, place)
    if (!entry) continue
    if (numbers.has(entry.n) || entry.n === wanted?.n) hashes.set(entry.n, entry.hash)
    if (Date.parse(entry.at) < olderThanMs) old = entry.n
    const told = letGoBy(entry)
    if (told) letGo.push(told)
  }
  return { check, hashes, letGo, old: Math.max(old, check.first - 1) }
}

const lackText = ({ n, hash }: Pick<Head, 'n' | 'hash'>, first: number): string =>
  n < first
    ? `entry ${String(n)} was let go, since it is old: its hash proves nothing any more. Write the head down again`
    : `there is no entry ${String(n)} with the hash ${hash}: it was removed or replaced`

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
  const { batches, starts } = await readStoredTrails(repository, signal)
  for (const [chain, some] of Map.groupBy(batches, batch => batch.chain)) {
    const read: ReadChain = { check: new ChainCheck(), hashes: new Map() }
    for (const batch of some) {
      const wrong = await checkBatch(repository, batch, read, identities, signal)
      if (wrong !== undefined)
        problems.push({ chain, n: batch.first, message: `repository ${name}: ${wrong}` })
    }
    read.check.accept(starts)
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
