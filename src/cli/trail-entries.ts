/** Entries of audit trails, to be looked through: of this host, and of all hosts as the repositories have them. */
import { parseEntry, type Entry } from '../audit/entry.ts'
import { readLines } from '../audit/journal.ts'
import { isFault } from '../base/fault.ts'
import { auditBatches, readAuditBatch } from '../repository/audit-batches.ts'
import type { CommandContext } from './context.ts'
import { trailCopies } from './send-trail.ts'
import { trailFolder } from './trail.ts'

export async function* ownEntries(context: CommandContext): AsyncIterable<Entry> {
  for await (const { line } of readLines(await trailFolder(context))) {
    const entry = parseEntry(line)
    if (entry) yield entry
  }
}

/** Each once: what one repository lacks of a host, another may have. `seen`: what was read before, see `placeOf`. */
export async function* copiedEntries(
  context: CommandContext,
  seen = new Set<string>(),
): AsyncIterable<Entry> {
  const { config } = await context.config()
  const names = trailCopies(config)
  let trouble: unknown
  let away = 0
  for (const name of names) {
    try {
      yield* entriesIn(context, name, seen)
    } catch (error) {
      context.signal.throwIfAborted()
      if (!isFault(error)) throw error
      context.output.warn(`repository "${name}": audit trails could not be read: ${error.message}`)
      trouble = error
      away++
    }
  }
  if (away > 0 && away === names.length) throw trouble
}

export const placeOf = ({ chain, n, hash }: Pick<Entry, 'chain' | 'n' | 'hash'>): string =>
  `${chain}/${String(n)}/${hash}`

async function* entriesIn(context: CommandContext, name: string, seen: Set<string>): AsyncIterable<Entry> {
  const { repository, identities } = await context.openRepository(name)
  let keys: readonly string[] | undefined
  for await (const batch of auditBatches(repository, {}, context.signal)) {
    if (seen.has(placeOf({ ...batch, n: batch.last }))) continue
    keys ??= await identities()
    for (const line of await readAuditBatch(repository, batch, keys, context.signal)) {
      const entry = parseEntry(line)
      if (!entry || seen.has(placeOf(entry))) continue
      seen.add(placeOf(entry))
      yield entry
    }
  }
}
