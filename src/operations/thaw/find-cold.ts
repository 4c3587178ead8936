/** Which objects have to be thawed before they can be read. Lists tell the classes; only of cold ones each is asked for. */
import { inParallel } from '../../base/in-parallel.ts'
import { limits } from '../../base/limits.ts'
import type { ThawState } from '../../storage/second-ports.ts'
import type { ObjectInfo, Storage } from '../../storage/storage.ts'

export interface ColdObject {
  readonly key: string
  readonly sizeBytes: number
  readonly storageClass: string
  /** Thawed ones (`readable`) are here, too. */
  readonly state: ThawState
}

/** Of those under the prefix, and of those only what is needed. None where the storage has no cold classes. */
export async function coldUnder(
  storage: Storage,
  prefix: string,
  signal: AbortSignal,
  isNeeded: (key: string) => boolean = () => true,
): Promise<readonly ColdObject[]> {
  const { thawing } = storage
  if (!thawing) return []
  const cold: ObjectInfo[] = []
  for await (const info of storage.list(prefix, signal))
    if (thawing.isCold(info.storageClass) && isNeeded(info.key)) cold.push(info)
  const found: ColdObject[] = []
  await inParallel(
    cold,
    limits.thawParallel,
    async ({ key, sizeBytes, storageClass = '' }, stop) => {
      found.push({ key, sizeBytes, storageClass, state: await thawing.state(key, stop) })
    },
    signal,
  )
  return found.toSorted((a, b) => (a.key < b.key ? -1 : 1))
}
