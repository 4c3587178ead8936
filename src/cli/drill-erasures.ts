/** Requests to forget a person, as a drill has to look at them: what a restore would apply is applied, and it is told. */
import { describeCounts, type AppliedErasure } from '../operations/erase/apply-erasures.ts'
import { forgetInRestored } from '../operations/erase/forget-restored.ts'
import type { LaidOutBackup } from '../operations/drill/restore-backup.ts'
import type { LaidOutDump } from '../operations/drill/restore-dumps.ts'
import type { Source } from '../operations/sources/source.ts'
import type { DumpRecord } from '../repository/format/dump-record.ts'
import type { CommandContext } from './context.ts'
import { allErasures, erasuresOfDatabase } from './dump-erasures.ts'
import { likelyUsers, type ErasuresAhead } from './erasures.ts'

/** Undefined: there is nothing to forget. */
export function forgetAsRestores(
  context: CommandContext,
  { pending, requests, sources }: ErasuresAhead,
  from: string,
): LaidOutBackup['forget'] {
  if (pending.length === 0) return undefined
  const { world, progress, log, enter, terminal } = context
  const { environment } = terminal
  return async (server, signal) => {
    const users = await likelyUsers(context)
    const deps = { world, progress, log, enter, sources, environment }
    const job = { requests, operation: 'drill', from, users } as const
    const outcomes = await forgetInRestored(deps, server, job, signal)
    return outcomes.map(describeApplied)
  }
}

/** The same for a dump, whose databases come back one by one. */
export async function forgetInDump(
  context: CommandContext,
  record: DumpRecord,
  sources: readonly Source[],
): Promise<LaidOutDump['forget']> {
  const all = await allErasures(context, sources, { skipErasures: undefined })
  return database => {
    const { beforeNaming, outcomes } = erasuresOfDatabase(
      context,
      all,
      { record, database },
      {
        operation: 'drill',
        restoredAs: database.name,
        onFailure: 'Else nobody can bring this dump back, either.',
      },
    )
    return { beforeNaming, applied: () => outcomes.map(describeApplied) }
  }
}

const describeApplied = ({ id, outcome, statements }: AppliedErasure): string =>
  `request to forget ${id}: ${outcome}${statements.length === 0 ? '' : ` (${describeCounts(statements)})`}`
