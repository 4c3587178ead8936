/**
 * Bringing blobs back from the archive tier: their tier is set to one that is read at once, and the server moves them there
 * in hours. It stays there: Azure has no copies for some days.
 */
import type { Thawing, ThawState } from '../../second-ports.ts'
import { codeOf, missingObject } from './faults.ts'
import { lookAt } from './look.ts'
import { blobAt, type AzurePlace } from './place.ts'

const coldTier = 'Archive'
const warmTier = 'Cool'

export function thawingOf(place: AzurePlace): Thawing {
  const state: Thawing['state'] = async (key, signal) => {
    const found = await lookAt(place, key, signal)
    if (!found) throw missingObject(place.location, key)
    return stateOf(found)
  }
  return {
    isCold: storageClass => storageClass === coldTier,
    state,
    async request(key, { speed }, signal) {
      if ((await state(key, signal)).is !== 'cold') return
      const rehydratePriority = speed === 'expedited' ? 'High' : 'Standard'
      try {
        await place.send(
          { what: `thawing ${key}` },
          ({ abortSignal }) => blobAt(place, key).setAccessTier(warmTier, { abortSignal, rehydratePriority }),
          signal,
        )
      } catch (error) {
        if (codeOf(error) !== 'BlobBeingRehydrated') throw error
      }
    },
  }
}

interface Seen {
  readonly contentLength?: number | undefined
  readonly accessTier?: string | undefined
  /** `rehydrate-pending-to-cool` while it is on its way. */
  readonly archiveStatus?: string | undefined
}

/** Decides only. */
export function stateOf({ contentLength, accessTier, archiveStatus }: Seen): ThawState {
  const known = { sizeBytes: contentLength ?? 0, storageClass: accessTier }
  if (accessTier !== coldTier) return { is: 'readable', ...known }
  return { is: archiveStatus?.startsWith('rehydrate-pending') === true ? 'thawing' : 'cold', ...known }
}
