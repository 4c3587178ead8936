/** `restore-dump`: the requests to forget a person that the dump is older than, applied before the database gets its name. */
import { applyErasures, type AppliedErasure } from '../operations/erase/apply-erasures.ts'
import { withRecord } from '../operations/erase/forget-restored.ts'
import type { RestoreDumpDeps } from '../operations/restore-dump/lay-out.ts'
import type { DumpedDatabase } from '../repository/format/dump-record.ts'
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
  const { world, progress, log, enter } = context
  const lsn = parseLsn(database.snapshotLsn) ?? 0n
  const reached = [{ timeline: record.timeline, lsn }]
  const all = await erasuresAhead(context, sources, reached, words)
  // It may have had another name when the request was made.
  const isMine = (request: ErasuresAhead['pending'][number]): boolean =>
    request.record.database === database.name || request.record.databaseOid === database.oid
  const ahead = { ...all, requests: all.requests.filter(isMine), pending: all.pending.filter(isMine) }
  const outcomes: AppliedErasure[] = []
  if (ahead.pending.length === 0 || words.skipErasures !== undefined)
    return { ahead, beforeNaming: undefined, outcomes }
  return {
    ahead,
    outcomes,
    async beforeNaming(connect, signal) {
      const job = {
        requests: ahead.pending,
        reached,
        place: { database: words.database ?? database.name },
        onFailure: 'Nothing was restored. On your own word: --skip-erasures REASON.',
      }
      const deps = { progress, log, connect: (_: string, stop: AbortSignal) => connect(stop) }
      outcomes.push(
        ...(await withRecord(
          { world, progress, enter, sources: ahead.sources },
          { operation: 'restore-dump', from: record.id },
          () => applyErasures(deps, job, signal),
          signal,
        )),
      )
    },
  }
}
