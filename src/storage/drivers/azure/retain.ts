/** Locks of blobs, and how the container is set up. */
import { Fault, isFault } from '../../../base/fault.ts'
import { formatTime } from '../../../base/units.ts'
import type { Retention, StorageTraits } from '../../storage.ts'
import { skewBetween } from '../object/clock-skew.ts'
import { codeOf, missingObject, statusOf } from './faults.ts'
import { lookAt } from './look.ts'
import { blobAt, type AzurePlace } from './place.ts'
import { policyModes } from './write.ts'

export async function retainBlob(
  place: AzurePlace,
  key: string,
  until: Retention,
  signal: AbortSignal,
): Promise<void> {
  const found = await lookAt(place, key, signal)
  if (!found) throw missingObject(place.location, key)
  if ((found.immutabilityPolicyExpiresOn?.getTime() ?? 0) >= until.untilMs) return
  // A lock that nobody can lift stays one, whatever the mode that is asked for now.
  const mode = found.immutabilityPolicyMode?.toLowerCase() === 'locked' ? 'compliance' : until.mode
  try {
    await place.send(
      { what: `locking ${key} until ${formatTime(until.untilMs)}` },
      ({ abortSignal }) =>
        blobAt(place, key).setImmutabilityPolicy(
          { policyMode: policyModes[mode], expiriesOn: new Date(until.untilMs) },
          { abortSignal },
        ),
      signal,
    )
  } catch (error) {
    if (isFault(error, 'OBJECT_MISSING')) throw missingObject(place.location, key)
    throw isAboutSupport(error) ? withoutLocks(place, error) : error
  }
}

/** Accounts and containers without version-level immutability refuse in several ways. */
function isAboutSupport(error: unknown): boolean {
  const status = statusOf(error)
  return status === 501 || status === 400 || (status === 409 && codeOf(error) !== 'BlobImmutableDueToPolicy')
}

export async function traitsOf(place: AzurePlace, signal: AbortSignal): Promise<StorageTraits> {
  const { clock } = place.world
  const askedMs = clock.now()
  try {
    const found = await place.send(
      { what: 'asking how the container is set up' },
      ({ abortSignal }) => place.container.getProperties({ abortSignal }),
      signal,
    )
    const lockable = found.isImmutableStorageWithVersioningEnabled === true
    return {
      // Whether versions are kept is a setting of the account, which the storage itself does not tell; locks need them.
      versioned: lockable ? true : undefined,
      lockable,
      checksWrites: true,
      encryption: found.defaultEncryptionScope ?? 'keys that Microsoft manages, or the key of the account',
      clockSkewMs: found.date && skewBetween(found.date.getTime(), { askedMs, answeredMs: clock.now() }),
    }
  } catch (error) {
    if (isFault(error, 'STORAGE_DENIED')) return { checksWrites: true }
    throw error
  }
}

function withoutLocks({ location }: AzurePlace, cause: unknown): Fault {
  return new Fault('STORAGE_UNSUPPORTED', `the container of ${location} does not lock blobs`, {
    hint: 'Turn version-level immutability on: for a new container with `az storage container-rm create --enable-vlw`, for one that is there with `az storage container-rm migrate-vlw`.',
    cause,
  })
}
