/** Dumps: the requests to forget a person that one is older than, applied before the database gets its name. */
import { applyErasures, type AppliedErasure } from '../operations/erase/apply-erasures.ts'
import { withRecord } from '../operations/erase/forget-restored.ts'
import type { RestoreDumpDeps } from '../operations/restore-dump/lay-out.ts'
import { holdsErasure } from '../policy/erasures.ts'
import type { DumpedDatabase, DumpRecord } from '../repository/format/dump-record.ts'
import type { ErasureOperation } from '../repository/format/erasure-record.ts'
import { parseLsn } from '../wal/lsn.ts'
import type { CommandContext } from './context.ts'
import { erasuresAhead, type ErasuresAhead, type ErasureWords } from './erasures.ts'
import type { OpenedDump } from './open-dump.ts'

export interface DumpErasures {
  readonly ahead: ErasuresAhead
  /** Undefined: there is nothing to apply. */
  readonly beforeNaming: RestoreDumpDeps['beforeNaming']
  /** Filled when they have been applied. */
  readonly outcomes: AppliedErasure[]
}

export async function dumpErasures(
  context: CommandContext,
  { record, sources }: OpenedDump,
  database: DumpedDatabase,
  words: ErasureWords & { readonly database: string | undefined },
): Promise<DumpErasures> {
  const all = await allErasures(context, sources, words)
  return erasuresOfDatabase(
    context,
    all,
    { record, database },
    {
      operation: 'restore-dump',
      restoredAs: words.database ?? database.name,
      onFailure: 'Nothing was restored. On your own word: --skip-erasures REASON.',
    },
  )
}

/** Of all databases, whatever they hold already. */
export const allErasures = (
  context: CommandContext,
  sources: OpenedDump['sources'],
  words: ErasureWords,
): Promise<ErasuresAhead> => erasuresAhead(context, sources, [], words)

export function erasuresOfDatabase(
  { world, progress, log, enter }: CommandContext,
  all: ErasuresAhead,
  { record, database }: { readonly record: DumpRecord; readonly database: DumpedDatabase },
  how: {
    readonly operation: ErasureOperation
    readonly restoredAs: string
    readonly onFailure: string
  },
): DumpErasures {
  const reached = [{ timeline: record.timeline, lsn: parseLsn(database.snapshotLsn) ?? 0n }]
  // It may have had another name when the request was made.
  const requests = all.requests.filter(
    request => request.record.database === database.name || request.record.databaseOid === database.oid,
  )
  const pending = requests.filter(request => !holdsErasure(reached, request.record))
  const ahead = { ...all, requests, pending }
  const outcomes: AppliedErasure[] = []
  if (pending.length === 0 || all.skipReason !== undefined)
    return { ahead, beforeNaming: undefined, outcomes }
  return {
    ahead,
    outcomes,
    async beforeNaming(connect, signal) {
      const { operation, restoredAs, onFailure } = how
      const job = { requests: pending, reached, place: { database: restoredAs }, onFailure }
      const deps = { progress, log, connect: (_: string, stop: AbortSignal) => connect(stop) }
      outcomes.push(
        ...(await withRecord(
          { world, progress, enter, sources: all.sources },
          { operation, from: record.id },
          () => applyErasures(deps, job, signal),
          signal,
        )),
      )
    },
  }
}
