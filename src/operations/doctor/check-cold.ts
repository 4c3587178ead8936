/** Whether the newest backup can be read at once, whatever the configuration says: rules of a bucket move objects, too. */
import { formatBytes, formatDuration } from '../../base/units.ts'
import { builtInPrices } from '../../policy/cost/prices.ts'
import { listBackups } from '../../repository/catalog.ts'
import { readDumps } from '../../repository/dump-catalog.ts'
import type { Repository } from '../../repository/repository.ts'
import { coldNewest, thawTime } from '../thaw/cold-newest.ts'
import { problem, type Finding } from './finding.ts'

export async function checkCold(
  repository: Repository,
  url: string,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { storage } = repository
  if (!storage.thawing) return []
  const [backups, { dumps }] = await Promise.all([
    listBackups(repository, signal),
    readDumps(repository, signal),
  ])
  const cold = await coldNewest(repository, { backups, dumps }, signal)
  if (!cold) return []
  const parts = cold.amounts.map(
    ({ objects, bytes, storageClass }) =>
      `${String(objects)} ${objects === 1 ? 'object' : 'objects'} (${formatBytes(bytes)}) in ${storageClass}`,
  )
  const time = thawTime(builtInPrices, url, cold)
  const takes = time ? `, which takes ${formatDuration(time.leastMs)} to ${formatDuration(time.mostMs)}` : ''
  return [
    problem(
      'storage',
      `the newest backup in ${storage.location}, ${cold.id}, lies in the cold: a restore has to thaw ${parts.join(' and ')} first${takes}`,
      'Take a backup, and find out what moved this one: the rules of the bucket, or `classes` of the repository. What is to be cold is for the archive (docs/archive.md).',
    ),
  ]
}
