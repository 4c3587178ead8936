/** Deletes objects, a thousand with one request; one by one where a server does not know that. */
import { DeleteObjectCommand, DeleteObjectsCommand, type _Error } from '@aws-sdk/client-s3'
import { isFault } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import type { Api } from './client.ts'
import { faultOf, isStatus } from './faults.ts'
import { lockedFault } from './lock.ts'
import type { Looker } from './look.ts'
import type { Parameters } from './parameters.ts'

export interface Removing {
  readonly api: Api
  readonly parameters: Parameters
  readonly looker: Looker
}

/** Where versions are kept, what is deleted stays as an older version: nothing is destroyed. */
export async function removeObjects(
  removing: Removing,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted()
  for (let at = 0; at < keys.length; at += limits.objectDeleteKeysMax)
    await removeBatch(removing, keys.slice(at, at + limits.objectDeleteKeysMax), signal)
}

async function removeBatch(removing: Removing, keys: readonly string[], signal: AbortSignal): Promise<void> {
  if (keys.length === 1) return removeSingly(removing, keys, signal)
  const { api, parameters } = removing
  const Objects = keys.map(key => ({ Key: api.place.full(key) }))
  const command = new DeleteObjectsCommand({
    Bucket: api.place.bucket,
    Delete: { Objects, Quiet: true },
    ...parameters.common,
  })
  const doing = `deleting ${String(keys.length)} objects`
  try {
    const { Errors = [] } = await api.send({ doing }, command, signal)
    const [first] = Errors.filter(({ Code }) => Code !== 'NoSuchKey')
    if (first) await throwRefusal(removing, first, signal)
  } catch (error) {
    if (!isStatus(error, 501) && !isStatus(error, 405)) throw error
    await removeSingly(removing, keys, signal)
  }
}

async function removeSingly(removing: Removing, keys: readonly string[], signal: AbortSignal): Promise<void> {
  const { api, parameters } = removing
  for (const key of keys) {
    const command = new DeleteObjectCommand({
      Bucket: api.place.bucket,
      Key: api.place.full(key),
      ...parameters.common,
    })
    try {
      await api.send({ doing: `deleting ${key}` }, command, signal)
    } catch (error) {
      if (!isStatus(error, 404)) await throwLocked(removing, key, error, signal)
    }
  }
}

function throwRefusal(
  removing: Removing,
  { Key = '', Code, Message }: _Error,
  signal: AbortSignal,
): Promise<never> {
  const { place } = removing.api
  const refusal = Object.assign(new Error(Message ?? 'no reason given'), {
    name: Code ?? 'Unknown',
    $metadata: { httpStatusCode: Code === 'InternalError' ? 500 : 403 },
  })
  const key = place.own(Key)
  return throwLocked(
    removing,
    key,
    faultOf(refusal, { what: `deleting ${key}`, location: place.location }),
    signal,
  )
}

/** A lock refuses in the same words as a policy does; the object tells which it was. */
async function throwLocked(
  { api, looker }: Removing,
  key: string,
  error: unknown,
  signal: AbortSignal,
): Promise<never> {
  if (!isFault(error, 'STORAGE_DENIED')) throw error
  const looked = await looker.look(key, signal).catch(() => undefined)
  const untilMs = looked?.info.retainedUntilMs ?? 0
  throw untilMs > api.world.clock.now() ? lockedFault(api, key, untilMs, error) : error
}
