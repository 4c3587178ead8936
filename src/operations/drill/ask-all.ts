/** Goes through the questions, one after the other. */
import { formatCount } from '../../base/units.ts'
import type { Config } from '../../config/config.ts'
import { isFault } from '../../base/fault.ts'
import type { Random } from '../../base/seeded-random.ts'
import type { Clock } from '../../base/world.ts'
import { formatLsn } from '../../wal/lsn.ts'
import type { Environment } from '../../postgres/connection-string.ts'
import type { DrillReport, DrillRowCount } from '../../repository/format/drill-record.ts'
import { runProgram } from '../../snapshots/run-program.ts'
import type { TargetPlace } from '../restore-dump/target-place.ts'
import { failed, inShort, notAsked, ok, type Answer, type Checklist } from './checklist.ts'
import { askAmcheck } from './questions/amcheck.ts'
import { askApplication } from './questions/application.ts'
import { askAssertion } from './questions/assertions.ts'
import type { Asking } from './questions/asking.ts'
import { askDatabases } from './questions/connect.ts'
import { countRows, type CountedRows } from './questions/count-rows.ts'
import { judgeAgainstLast, judgeAgainstLive, tablesTold } from './questions/judge-rows.ts'
import { liveRows } from './questions/live-rows.ts'
import { askRelations } from './questions/relations-present.ts'
import { askVisibility } from './questions/visibility.ts'
import type { Prepared } from './prepared.ts'
import type { RestoredCluster } from './restored-cluster.ts'

export interface AskContext {
  readonly clock: Clock
  readonly random: Random
  readonly drills: Config['drills']
  readonly environment: Environment
  readonly startedMs: number
  /** What the live server is reached by. */
  readonly live: TargetPlace
  readonly last: DrillReport | undefined
}

/** Returns how many rows there are. */
export async function askAll(
  checklist: Checklist,
  cluster: RestoredCluster,
  prepared: Prepared,
  context: AskContext,
  signal: AbortSignal,
): Promise<readonly DrillRowCount[]> {
  const { clock, random, drills, environment } = context
  const ask = (id: string, find: () => Promise<Answer>): Promise<void> => checklist.ask(id, find, signal)
  await ask('target-reached', async () => answerTarget(cluster, prepared))
  let databases: readonly string[] = []
  await ask('databases-connect', async () => {
    const found = await askDatabases(cluster, signal)
    databases = found.databases
    return found.answer
  })
  const asking: Asking = { cluster, databases, clock, random, questionMs: drills.questionTime }
  await ask('relations-present', () => askRelations(asking, signal))
  await ask('visibility-maps', () => askVisibility(asking, signal))
  await ask('amcheck', () => askAmcheck(asking, signal))
  const counted = await askRows(checklist, asking, prepared, context, signal)
  const moment = { momentMs: momentOf(cluster, prepared, context), questionMs: drills.questionTime }
  for (const [name, assertion] of Object.entries(drills.assertions))
    await ask(`assertion:${name}`, () => askAssertion(cluster, assertion, moment, signal))
  await ask('application', () =>
    askApplication(cluster, drills.application, { run: runProgram, environment }, signal),
  )
  return counted
}

/** That recovery went as far as was planned, the start of the server has seen to already. */
function answerTarget({ reached }: RestoredCluster, prepared: Prepared): Answer {
  if (prepared.kind === 'dump') return notAsked('a dump has one point, and nothing is replayed')
  const { stop } = prepared.layout.plan
  return ok(
    `planned ${stop.where} ${formatLsn(stop.lsn)}, reached ${reached?.lsn ?? 'it'} on timeline ${String(reached?.timeline ?? '?')}`,
    reached?.time === null || reached === null
      ? 'no commit was replayed since the backup'
      : `last commit at ${reached.time}`,
  )
}

/** Data are expected to be of now when the latest was restored, else of the point that was chosen. */
function momentOf({ reached }: RestoredCluster, prepared: Prepared, { startedMs }: AskContext): number {
  const point = prepared.kind === 'dump' ? prepared.facts.takenAt : reached?.time
  const isLatest = prepared.facts.isLatest && prepared.kind === 'backup'
  return isLatest || point === undefined || point === null ? startedMs : Date.parse(point)
}

async function askRows(
  checklist: Checklist,
  asking: Asking,
  prepared: Prepared,
  context: AskContext,
  signal: AbortSignal,
): Promise<readonly DrillRowCount[]> {
  const { dumped } = asking.cluster
  checklist.set('rows-dumped', answerDumped(dumped))
  let counted: CountedRows | undefined
  const counts = async (): Promise<CountedRows> =>
    (counted ??= dumped && !dumped.isChanged ? asCounted(dumped.counts) : await countRows(asking, signal))
  const { rows } = context.drills
  const ask = (id: string, find: (all: CountedRows) => Promise<Answer>): Promise<void> =>
    checklist.ask(id, async () => withTroubles(await counts(), find), signal)
  await ask('rows-live', async all => {
    if (!prepared.facts.isLatest)
      return notAsked('an earlier point was restored, and the live server is further')
    const live = await liveRows(context.live, asking.databases, signal).catch((error: unknown) => {
      signal.throwIfAborted()
      if (!isFault(error)) throw error
      return inShort(error)
    })
    return typeof live === 'string'
      ? notAsked(`the live server could not be asked: ${live}`)
      : judgeAgainstLive(all.counts, live, rows.live)
  })
  await ask('rows-last-drill', async all => {
    const { last } = context
    if (!last) return notAsked('there was none')
    if (isBefore(pointOf(asking.cluster, prepared), last.reached?.time ?? last.source.takenAt))
      return notAsked(`${last.id} restored a later point`)
    const isWhole = all.walk.reached === all.walk.all
    return judgeAgainstLast(all.counts, last.rowCounts, { share: rows.fall, isWhole, lastId: last.id })
  })
  return counted?.counts ?? []
}

/** A table that can not be read has not the rows that it should have. */
async function withTroubles(all: CountedRows, find: (all: CountedRows) => Promise<Answer>): Promise<Answer> {
  const answer = await find(all)
  if (all.troubles.length === 0) return answer
  const reason = `${String(all.troubles.length)} tables can not be read`
  return failed(reason, [...all.troubles, ...answer.evidence])
}

function answerDumped(dumped: RestoredCluster['dumped']): Answer {
  if (!dumped) return notAsked('only dumps count their rows')
  const rows = dumped.counts.reduce((sum, one) => sum + one.rows, 0)
  const evidence = `${tablesTold(dumped.counts.length)} with ${formatCount(rows)} rows, each as it was dumped`
  if (dumped.failures.length === 0) return ok(evidence)
  return failed(`${String(dumped.failures.length)} databases did not come back`, [
    ...dumped.failures,
    evidence,
  ])
}

const asCounted = (counts: readonly DrillRowCount[]): CountedRows => ({
  counts,
  troubles: [],
  walk: { reached: counts.length, all: counts.length },
})

const pointOf = ({ reached }: RestoredCluster, prepared: Prepared): string | null =>
  prepared.kind === 'dump' ? prepared.facts.takenAt : (reached?.time ?? null)

const isBefore = (a: string | null, b: string | null): boolean =>
  a !== null && b !== null && Date.parse(a) < Date.parse(b)
