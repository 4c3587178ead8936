/** Object locks: until when an object can not be deleted. */
import { GetObjectRetentionCommand, PutObjectRetentionCommand } from '@aws-sdk/client-s3'
import { Fault, isFault } from '../../../base/fault.ts'
import { formatTime } from '../../../base/units.ts'
import type { Retention } from '../../storage.ts'
import type { Api } from './client.ts'
import { isCode, isStatus, objectMissingFault } from './faults.ts'
import type { Looker } from './look.ts'
import { lockDate, lockModeOf, type Parameters } from './parameters.ts'

interface Locking {
  readonly api: Api
  readonly parameters: Parameters
  readonly looker: Looker
}

export async function retainObject(
  locking: Locking,
  key: string,
  { mode, untilMs }: Retention,
  signal: AbortSignal,
): Promise<void> {
  const { api, parameters } = locking
  if ((await retainedUntilMs(locking, key, signal)) >= untilMs) return
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

/** Who locks often may not read what is locked: then only the lock is asked for, which is a right of its own. */
async function retainedUntilMs(
  { api, parameters, looker }: Locking,
  key: string,
  signal: AbortSignal,
): Promise<number> {
  try {
    const looked = await looker.look(key, signal)
    if (looked) return looked.info.retainedUntilMs ?? 0
  } catch (error) {
    if (isFault(error, 'STORAGE_DENIED')) return lockOfUnread(api, parameters, key, signal)
    throw error
  }
  throw objectMissingFault(api.place.location, key)
}

async function lockOfUnread(
  api: Api,
  { common }: Parameters,
  key: string,
  signal: AbortSignal,
): Promise<number> {
  const command = new GetObjectRetentionCommand({
    Bucket: api.place.bucket,
    Key: api.place.full(key),
    ...common,
  })
  try {
    const answer = await api.send({ doing: `asking until when ${key} is locked` }, command, signal)
    return answer.Retention?.RetainUntilDate?.getTime() ?? 0
  } catch (error) {
    // Amazon's word for an object without a lock, and Ceph's.
    if (isCode(error, 'NoSuchObjectLockConfiguration', 'ObjectLockConfigurationNotFoundError')) return 0
    throw error
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
