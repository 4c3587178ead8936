/** Whether a repository lacks WAL that PostgreSQL was told is safe in another one. */
import type { Clock } from '../../base/world.ts'
import type { Config } from '../../config/config.ts'
import { describeOwed, owedFix, readOwedHere } from '../wal-push/owed-here.ts'
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
  if (!repository) return []
  const { url, endpoint } = repository
  const target = { name, id: targetId({ storage: { url, access: { endpoint } } }, cluster) }
  const owed = (await readOwedHere([target], dataDirectory, clock)) ?? []
  return owed.map(facts => advice('archiving', `repository "${name}" ${describeOwed(facts)}`, owedFix))
}
