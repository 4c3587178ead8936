/**
 * `restore-table`: requests to forget a person speak of a whole database, of which a few tables are brought back: a statement
 * that looks into the others would find nothing there, and leave rows of the person in these. So such a state is not restored.
 */
import { Fault } from '../base/fault.ts'
import type { LaidOutTables } from '../operations/restore-table/restore-table.ts'
import type { CommandContext } from './context.ts'
import { erasuresAhead, type ErasuresAhead, type ErasureWords } from './erasures.ts'
import { openSources } from './sources.ts'
import { counted } from './table.ts'

export async function tableErasures(
  context: CommandContext,
  words: ErasureWords & { readonly repository: string | undefined },
  { plan: { plan }, databaseOid }: Pick<LaidOutTables, 'plan' | 'databaseOid'>,
  database: string,
): Promise<ErasuresAhead> {
  const { repository, without, asOf: asOfMs } = words
  const sources = await openSources(context, { repository, without, asOfMs }, { keys: true })
  const reached = [{ timeline: plan.timeline, lsn: plan.stop.lsn }]
  const all = await erasuresAhead(context, sources.open, reached, words)
  const isMine = ({ record }: ErasuresAhead['pending'][number]): boolean =>
    record.database === database || record.databaseOid === databaseOid
  return { ...all, requests: all.requests.filter(isMine), pending: all.pending.filter(isMine) }
}

export function refusePending({ pending }: ErasuresAhead): void {
  if (pending.length === 0) return
  throw new Fault(
    'ERASURE_FAILED',
    `${counted(pending.length, 'request')} to forget a person would have to be applied to this state (${pending[0]?.record.id ?? ''}), and single tables do not show whom they are about`,
    {
      hint: 'Restore the whole cluster beside the live one (holdfast restore --start, which applies them) and copy the table from there; or bring the table back as it is, on your own word: --skip-erasures REASON.',
    },
  )
}
