/** Bringing back objects from the classes that S3 calls archives: a copy is made readable for some days. */
import { RestoreObjectCommand } from '@aws-sdk/client-s3'
import type { Thawing, ThawSpeed, ThawState } from '../../second-ports.ts'
import { isCode, objectMissingFault } from './faults.ts'
import type { Looked } from './look.ts'
import type { Writing } from './writing.ts'

/** GLACIER_IR, the infrequent ones and all others are read at once. */
const coldClasses: ReadonlySet<string> = new Set(['GLACIER', 'DEEP_ARCHIVE'])
const tiers = { expedited: 'Expedited', standard: 'Standard', bulk: 'Bulk' } as const satisfies Record<
  ThawSpeed,
  string
>

export function thawingOf(writing: Writing): Thawing {
  const { api, looker, parameters } = writing
  const state: Thawing['state'] = async (key, signal) => {
    const found = await looker.look(key, signal)
    if (!found) throw objectMissingFault(api.place.location, key)
    return stateOf(found)
  }
  return {
    isCold: storageClass => coldClasses.has(storageClass ?? ''),
    state,
    async request(key, { speed, days }, signal) {
      const found = await looker.look(key, signal)
      if (!found) throw objectMissingFault(api.place.location, key)
      if (stateOf(found).is !== 'cold') return
      // What the server itself moved into the cold is moved back for good, and takes no days.
      const Days = found.archiveStatus === undefined ? { Days: days } : {}
      const command = new RestoreObjectCommand({
        Bucket: api.place.bucket,
        Key: api.place.full(key),
        RestoreRequest: { ...Days, GlacierJobParameters: { Tier: tiers[speed] } },
        ...parameters.common,
      })
      try {
        await api.send({ doing: `thawing ${key}` }, command, signal)
      } catch (error) {
        if (!isCode(error, 'RestoreAlreadyInProgress')) throw error
      }
    },
  }
}

/** Exported for tests. Decides only. */
export function stateOf({
  info,
  restore,
  archiveStatus,
}: Pick<Looked, 'info' | 'restore' | 'archiveStatus'>): ThawState {
  const { sizeBytes, storageClass } = info
  const known = { sizeBytes, storageClass }
  if (!coldClasses.has(storageClass ?? '') && archiveStatus === undefined) return { is: 'readable', ...known }
  if (/ongoing-request="true"/.test(restore ?? '')) return { is: 'thawing', ...known }
  const until = Date.parse(/expiry-date="([^"]+)"/.exec(restore ?? '')?.[1] ?? '')
  if (/ongoing-request="false"/.test(restore ?? '') && archiveStatus === undefined)
    return { is: 'readable', ...known, readableUntilMs: Number.isNaN(until) ? undefined : until }
  return { is: 'cold', ...known }
}
