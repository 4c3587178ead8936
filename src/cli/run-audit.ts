/** `audit list` and `audit send`. */
import { parseEntry } from '../audit/entry.ts'
import { readLines } from '../audit/journal.ts'
import { TrailRows, type TrailRow } from '../audit/trail-rows.ts'
import { limits } from '../base/limits.ts'
import { auditBatches, readAuditBatch } from '../repository/audit-batches.ts'
import type { Micros } from '../wal/time.ts'
import type { CommandContext } from './context.ts'
import { trailTable } from './describe-audit.ts'
import { sendToAll, trailRepositories } from './send-trail.ts'
import { counted } from './table.ts'
import { trailFolder } from './trail.ts'

export interface ListWords {
  readonly since: Micros | undefined
  readonly until: Micros | undefined
  readonly verb: string | undefined
  readonly user: string | undefined
  readonly result: Exclude<TrailRow['state'], 'note'> | undefined
  readonly repository: string | undefined
  readonly last: number | undefined
  readonly keys: boolean
  readonly from: 'local' | 'repository' | undefined
}

export async function listTrail(context: CommandContext, words: ListWords): Promise<void> {
  const { since, until, result, last, from, ...rest } = words
  const trail = new TrailRows({
    ...rest,
    state: result,
    sinceMs: since === undefined ? undefined : since / 1000,
    untilMs: until === undefined ? undefined : until / 1000,
  })
  for await (const line of from === 'repository' ? copiedLines(context) : ownLines(context)) {
    const entry = parseEntry(line)
    if (entry) trail.take(entry)
  }
  const rows = trail.end()
  const shown = last === undefined ? rows : rows.slice(-last)
  context.output.result(shown, () => trailTable(shown))
}

async function* ownLines(context: CommandContext): AsyncIterable<string> {
  for await (const { line } of readLines(await trailFolder(context))) yield line
}

/** Of all hosts, from the first repository that has them. What it lacks of one, another may have. */
async function* copiedLines(context: CommandContext): AsyncIterable<string> {
  const seen = new Set<string>()
  const { config } = await context.config()
  for (const name of trailRepositories(config)) {
    const { repository, identities } = await context.openRepository(name)
    const keys = await identities()
    for await (const batch of auditBatches(repository, {}, context.signal)) {
      const own = `${batch.chain}/${String(batch.last)}/${batch.hash}`
      if (seen.has(own)) continue
      for (const line of await readAuditBatch(repository, batch, keys, context.signal)) {
        const entry = parseEntry(line)
        const place = entry && `${entry.chain}/${String(entry.n)}/${entry.hash}`
        if (place === undefined || seen.has(place)) continue
        seen.add(place)
        yield line
      }
    }
  }
}

/** What one repository does not take, the others have all the same. */
export async function sendNow(context: CommandContext): Promise<number | undefined> {
  const done = await sendToAll(context, limits.storageRequestMsMax)
  for (const { repository, fault } of done)
    if (fault) context.output.warn(`repository "${repository}" did not get it: ${fault.message}`)
  const told = done.map(({ repository, sent, fault }) => ({
    repository,
    sent: sent?.entries ?? 0,
    last: sent?.last ?? null,
    code: fault?.code ?? null,
  }))
  context.output.result(told, () =>
    told
      .filter(({ code }) => code === null)
      .map(
        ({ repository, sent, last }) =>
          `${repository}: ${counted(sent, 'entry', 'entries')} copied, ${String(last)} there\n`,
      )
      .join(''),
  )
  return done.find(({ fault }) => fault)?.fault?.exit
}
