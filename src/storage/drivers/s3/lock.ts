/** Object locks: until when an object can not be deleted. */
import { PutObjectRetentionCommand } from '@aws-sdk/client-s3'
import { Fault } from '../../../base/fault.ts'
import { formatTime } from '../../../base/units.ts'
import type { Retention } from '../../storage.ts'
import type { Api } from './client.ts'
import { isCode, isStatus, objectMissingFault } from './faults.ts'
import type { Looker } from './look.ts'
import { lockDate, lockModeOf, type Parameters } from './parameters.ts'

export async function retainObject(
  {
    api,
    parameters,
    looker,
  }: { readonly api: Api; readonly parameters: Parameters; readonly looker: Looker },
  key: string,
  { mode, untilMs }: Retention,
  signal: AbortSignal,
): Promise<void> {
  const looked = await looker.look(key, signal)
  if (!looked) throw objectMissingFault(api.place.location, key)
  if ((looked.info.retainedUntilMs ?? 0) >= untilMs) return
  const command = new PutObjectRetentionCommand({
    Bucket: api.place.bucket,
    Key: api.place.full(key),
    Retention: { Mode: lockModeOf(mode), RetainUntilDate: lockDate(untilMs) },
    ...parameters.common,
  })
  try {
    await api.send({ doing: `locking ${key}` }, command, signal)
  } catch (error) {
    if (isStatus(error, 404)) throw objectMissingFault(api.place.location, key, error)
    throw isCode(error, 'InvalidRequest') || isStatus(error, 501) ? withoutLocks(api, key, error) : error
  }
}

export function lockedFault({ place }: Api, key: string, untilMs: number, cause: unknown): Fault {
  return new Fault('OBJECT_LOCKED', `${place.location}/${key} is locked until ${formatTime(untilMs)}`, {
    hint: 'Wait until then: the lock is there so that nobody deletes it before.',
    cause,
  })
}

function withoutLocks({ place }: Api, key: string, cause: unknown): Fault {
  return new Fault(
    'STORAGE_UNSUPPORTED',
    `${key} can not be locked: the bucket ${place.bucket} has no object lock`,
    {
      hint: 'Turn object lock on for the bucket (most servers can only when it is made), or take `lock` out of the configuration.',
      cause,
    },
  )
}
