/** What questions are asked of, and with. */
import { formatCount } from '../../../base/units.ts'
import type { Random } from '../../../base/seeded-random.ts'
import { shuffled } from '../../../base/seeded-random.ts'
import type { Clock } from '../../../base/world.ts'
import type { Server, SqlRow } from '../../../postgres/connection.ts'
import { openIn, type RestoredCluster } from '../restored-cluster.ts'

export interface Asking {
  readonly cluster: RestoredCluster
  /** Those that let themselves be connected to. */
  readonly databases: readonly string[]
  readonly clock: Clock
  readonly random: Random
  /** So long each question may take that reads everything. */
  readonly questionMs: number
}

export interface Relation {
  readonly oid: number
  /** With its schema. */
  readonly name: string
}

export interface Walk {
  readonly reached: number
  readonly all: number
}

/**
 * Goes through relations of all databases in an order by chance until the time is over: each database gets its share of it. `sql`
 * gives `oid` and `name`, and takes `$1` as the seed of its own order and `$2` as a limit.
 */
export async function walkRelations(
  { cluster, databases, clock, random, questionMs }: Asking,
  { sql, limit }: { readonly sql: string; readonly limit: number },
  work: (relation: Relation, session: Server, database: string, leftMs: number) => Promise<void>,
  signal: AbortSignal,
): Promise<Walk> {
  const endMs = clock.monotonicMs() + questionMs
  const order = shuffled(databases, random)
  let [reached, all] = [0, 0]
  for (const [i, database] of order.entries()) {
    const untilMs = clock.monotonicMs() + (endMs - clock.monotonicMs()) / (order.length - i)
    await using session = await openIn(cluster, database, signal)
    const seed = String(Math.floor(random() * 2 ** 31))
    const relations = await session.query<SqlRow & Relation>(sql, [seed, limit], signal)
    all += relations.length
    for (const relation of relations) {
      const leftMs = untilMs - clock.monotonicMs()
      if (leftMs <= 0) break
      try {
        await work(relation, session, database, Math.ceil(leftMs))
        reached++
      } catch (error) {
        // The statement was ended because its time was over, which says nothing against the relation.
        if (clock.monotonicMs() < untilMs || session.lost.aborted) throw error
        signal.throwIfAborted()
      }
    }
  }
  return { reached, all }
}

/** For evidence: `312 of 500 tables, as far as the time went`. */
export function describeWalk({ reached, all }: Walk, what: string): string {
  const counts = `${formatCount(reached)} of ${formatCount(all)} ${what}`
  return reached === all ? counts : `${counts}, taken by chance, as far as the time went`
}

/** By a seed of its own, so that a sample can be taken again. */
export const byChance = `md5(c.oid::text || $1) LIMIT $2`
