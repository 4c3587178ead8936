/** `audit list` and `audit send`. */
import { TrailRows, type TrailRow } from '../audit/trail-rows.ts'
import { limits } from '../base/limits.ts'
import type { Micros } from '../wal/time.ts'
import type { CommandContext } from './context.ts'
import { trailTable } from './describe-audit.ts'
import { sendToAll } from './send-trail.ts'
import { counted } from './table.ts'
import { copiedEntries, ownEntries } from './trail-entries.ts'

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
  for await (const entry of from === 'repository' ? copiedEntries(context) : ownEntries(context))
    trail.take(entry)
  const rows = trail.end()
  const shown = last === undefined ? rows : rows.slice(-last)
  context.output.result(shown, () => trailTable(shown))
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
