/** One small object that is never changed, and that no record names: as it is, or with its key wrapped anew. */
import type { Progress } from '../../base/progress.ts'
import type { ObjectInfo } from '../../storage/storage.ts'
import { copyObject, type Arrival } from './copy-object.ts'
import { openSource } from './object-source.ts'
import { rewrappingFor, type CopySide } from './sides.ts'

export interface OpenSides {
  readonly from: CopySide
  readonly to: CopySide
  readonly arrival: Arrival
}

/** Returns how many bytes it has there. */
export async function copySmallObject(
  { from, to, arrival }: OpenSides,
  info: Pick<ObjectInfo, 'key' | 'sizeBytes'>,
  progress: Progress,
  signal: AbortSignal,
): Promise<number> {
  const source = await openSource({ storage: from.repository.storage, ...info }, signal)
  const rewrapping = isSealed(info.key) ? rewrappingFor(from, to) : undefined
  const job = { source, expected: undefined, rewrapping, to: to.repository.storage, arrival }
  const done = await copyObject(job, progress, signal)
  if (done.outcome === 'unfit') throw done.fault
  return done.stored.sizeBytes
}

export const isSealed = (key: string): boolean => key.endsWith('.age')
