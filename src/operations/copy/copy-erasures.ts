/**
 * Requests to forget a person, and what restores did with them, from one repository to another: small objects that are never
 * changed or removed, so what is there is right. A copy that lacked them would bring the person back.
 */
import { isFault } from '../../base/fault.ts'
import type { Progress } from '../../base/progress.ts'
import { erasuresPrefix } from '../../repository/layout.ts'
import type { ObjectInfo, Storage } from '../../storage/storage.ts'
import { copySmallObject, isSealed, type OpenSides } from './copy-small-object.ts'
import { problemOf, type CopyProblem } from './report.ts'
import { assertMayGo, type CopySide } from './sides.ts'

/** What the destination lacks, in the order in which it is written: what is sealed before the record that says it is there. */
export async function erasuresToCopy(
  from: CopySide,
  to: CopySide | undefined,
  signal: AbortSignal,
): Promise<readonly ObjectInfo[]> {
  const list = (storage: Storage): Promise<ObjectInfo[]> =>
    Array.fromAsync(storage.list(erasuresPrefix(from.repository.identity.cluster), signal))
  // The destination first: what comes meanwhile is then seen as missing.
  const there = new Set(to && (await list(to.repository.storage)).map(({ key }) => key))
  const missing = (await list(from.repository.storage)).filter(({ key }) => !there.has(key))
  return missing.toSorted((a, b) => Number(isRecord(a)) - Number(isRecord(b)))
}

const isRecord = ({ key }: ObjectInfo): boolean => key.endsWith('.json')

export interface CopiedErasures {
  readonly objects: number
  readonly bytes: number
  readonly problems: readonly CopyProblem[]
}

/** A request whose sealed part can not be brought over does not get its record either. */
export async function copyErasures(
  sides: OpenSides,
  missing: readonly ObjectInfo[],
  progress: Progress,
  signal: AbortSignal,
): Promise<CopiedErasures> {
  const problems: CopyProblem[] = []
  const lacking = new Set<string>()
  let [objects, bytes] = [0, 0]
  for (const info of missing) {
    const { key } = info
    const request = key.slice(0, key.lastIndexOf('/') + 1)
    if (lacking.has(request) && isRecord(info)) continue
    try {
      if (!isRecord(info)) assertMayGo(key, isSealed(key), sides.to)
      bytes += await copySmallObject(sides, info, progress, signal)
      objects++
    } catch (error) {
      signal.throwIfAborted()
      if (!isFault(error)) throw error
      // Of what restores did there is one object each; of requests, all of a folder belongs together.
      if (!isRecord(info)) lacking.add(request)
      problems.push(problemOf(key, error))
    }
  }
  return { objects, bytes, problems }
}
