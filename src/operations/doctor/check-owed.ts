/** Whether a repository lacks WAL that PostgreSQL was told is safe in another one. */
import { join } from 'node:path'
import type { Clock } from '../../base/world.ts'
import type { Config } from '../../config/config.ts'
import { readOwed, type OwedFacts } from '../wal-push/owed.ts'
import { targetId } from '../wal-push/target.ts'
import { advice, type Finding } from './finding.ts'

/** `dataDirectory`: as this host sees it. What may not be looked at is not told. */
export async function checkOwed(
  { cluster, repositories }: Pick<Config, 'cluster' | 'repositories'>,
  name: string,
  dataDirectory: string | undefined,
  clock: Pick<Clock, 'now'>,
): Promise<readonly Finding[]> {
  const repository = repositories[name]
  if (!repository || dataDirectory === undefined) return []
  const { url, endpoint } = repository
  const target = { name, id: targetId({ storage: { url, access: { endpoint } } }, cluster) }
  const owed = await readOwed(join(dataDirectory, 'pg_wal'), [target], clock).catch(() => [])
  return owed.map(facts =>
    advice(
      'archiving',
      describeOwed(facts),
      'It catches up by itself once it can be reached; look at why it can not. `holdfast copy` brings what is missing, too.',
    ),
  )
}

export function describeOwed({
  repository,
  files,
  first,
  last,
  unreachableSince,
  lastError,
}: OwedFacts): string {
  const span = first === null || first === last ? (first ?? '') : `${first} to ${last ?? ''}`
  const lacks =
    files > 0 ? `lacks ${String(files)} WAL ${files === 1 ? 'file' : 'files'} (${span})` : 'lacks no WAL'
  const away = unreachableSince === null ? '' : `, and could not be written to since ${unreachableSince}`
  return `repository "${repository}" ${lacks}${away}${lastError === null ? '' : `: ${lastError}`}`
}
