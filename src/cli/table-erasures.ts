/** `restore-table`: the requests to forget a person of the database whose tables are brought back. */
import type { TableErasures } from '../operations/restore-table/forget-in-scratch.ts'
import type { LaidOutTables } from '../operations/restore-table/lay-out.ts'
import type { ReachedPoints } from '../policy/erasures.ts'
import type { RestorePlan } from '../policy/restore-plan.ts'
import type { CommandContext } from './context.ts'
import { erasuresAhead, type ErasuresAhead, type ErasureWords } from './erasures.ts'
import { openSources } from './sources.ts'

export async function tableErasures(
  context: CommandContext,
  words: ErasureWords & { readonly repository: string | undefined },
  { plan: { plan }, databaseOid }: Pick<LaidOutTables, 'plan' | 'databaseOid'>,
  database: string,
): Promise<ErasuresAhead> {
  const { repository, without, asOf: asOfMs } = words
  const sources = await openSources(context, { repository, without, asOfMs }, { keys: true })
  const all = await erasuresAhead(context, sources.open, reachedBy(plan), words)
  const isMine = ({ record }: ErasuresAhead['pending'][number]): boolean =>
    record.database === database || record.databaseOid === databaseOid
  return { ...all, requests: all.requests.filter(isMine), pending: all.pending.filter(isMine) }
}

/** What is applied in the scratch cluster; undefined: nothing, or somebody said that it is not. */
export function forgetInTables(
  { enter }: Pick<CommandContext, 'enter'>,
  { pending, requests, sources, skipReason }: ErasuresAhead,
  { plan: { plan } }: Pick<LaidOutTables, 'plan'>,
): TableErasures | undefined {
  if (pending.length === 0 || skipReason !== undefined) return undefined
  return { requests, reached: reachedBy(plan), sources, enter }
}

const reachedBy = ({ timeline, stop }: RestorePlan): ReachedPoints => [{ timeline, lsn: stop.lsn }]
