/** What the configuration says has to be true of the data. */
import type { Config } from '../../../config/config.ts'
import { limits } from '../../../base/limits.ts'
import { formatDuration } from '../../../base/units.ts'
import type { SqlRow } from '../../../postgres/connection.ts'
import { failed, ok, type Answer } from '../checklist.ts'
import { openIn, type RestoredCluster } from '../restored-cluster.ts'

export type Assertion = Config['drills']['assertions'][string]

/** `momentMs`: when the data have to be from. */
export async function askAssertion(
  cluster: RestoredCluster,
  assertion: Assertion,
  { momentMs, questionMs }: { readonly momentMs: number; readonly questionMs: number },
  signal: AbortSignal,
): Promise<Answer> {
  await using session = await openIn(cluster, assertion.database, signal)
  // Names are meant as the application's own sessions find them.
  await session.query('RESET search_path', [], signal)
  const rows = await session.query<SqlRow>(assertion.sql, [], signal, {
    timeoutMs: Math.min(questionMs, limits.dumpStatementMsMax),
  })
  const [value] = Object.values(rows[0] ?? {})
  const text = textOf(value)
  if (assertion.newerThan === undefined) return judgeValue(text, assertion)
  const time = text === undefined ? undefined : await timeOf(text)
  return judgeTime(time, assertion.newerThan, momentMs)

  async function timeOf(found: string): Promise<number> {
    const [row] = await session.query<SqlRow & { readonly ms: string }>(
      'SELECT (extract(epoch FROM $1::timestamptz) * 1000)::int8 AS ms',
      [found],
      signal,
    )
    return Number(row?.ms)
  }
}

/** As PostgreSQL prints it, but for documents and arrays. */
function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  return typeof value === 'string' ? value : JSON.stringify(value)
}

export function judgeValue(
  found: string | undefined,
  { equals, atLeast }: Pick<Assertion, 'equals' | 'atLeast'>,
): Answer {
  const evidence = `found ${found ?? 'nothing'}`
  if (atLeast !== undefined) {
    const isEnough = found !== undefined && Number(found) >= atLeast
    return isEnough ? ok(evidence) : failed(`expected at least ${String(atLeast)}`, [evidence])
  }
  const isEqual =
    found !== undefined && (typeof equals === 'number' ? Number(found) === equals : found === String(equals))
  return isEqual ? ok(evidence) : failed(`expected ${String(equals)}`, [evidence])
}

export function judgeTime(foundMs: number | undefined, newerThanMs: number, momentMs: number): Answer {
  if (foundMs === undefined) return failed('expected a time', ['found nothing'])
  const evidence = `found ${new Date(foundMs).toISOString()}, ${formatDuration(Math.max(0, momentMs - foundMs))} before ${new Date(momentMs).toISOString()}`
  return momentMs - foundMs <= newerThanMs
    ? ok(evidence)
    : failed(`expected a time not longer ago than ${formatDuration(newerThanMs)}`, [evidence])
}
