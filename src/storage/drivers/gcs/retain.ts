/** Locks of objects. */
import { Fault } from '../../../base/fault.ts'
import { formatTime } from '../../../base/units.ts'
import type { Retention } from '../../storage.ts'
import { missingObject } from './faults.ts'
import { lookAt } from './look.ts'
import { parseObject, type GcsObject } from './objects.ts'
import { objectPath, type GcsPlace } from './place.ts'
import { traitsOf, withoutLocks } from './traits.ts'
import { retentionModes } from './upload.ts'

export async function retainObject(
  place: GcsPlace,
  key: string,
  until: Retention,
  signal: AbortSignal,
): Promise<void> {
  const object = await lookAt(place, key, signal)
  if (!object) throw missingObject(place.location, key)
  if ((object.retention?.untilMs ?? 0) >= until.untilMs) return
  // A lock that nobody can lift stays one, whatever the mode that is asked for now.
  const mode = object.retention?.mode === 'compliance' ? 'compliance' : until.mode
  try {
    await setRetention(place, key, object, { ...until, mode }, signal)
  } catch (error) {
    // How a bucket without locks refuses differs; it says itself that it has none.
    const { lockable } = await traitsOf(place, signal)
    throw lockable === false ? withoutLocks(place, error) : error
  }
}

async function setRetention(
  place: GcsPlace,
  key: string,
  object: GcsObject,
  { mode, untilMs }: Retention,
  signal: AbortSignal,
): Promise<void> {
  const retention = { mode: retentionModes[mode], retainUntilTime: new Date(untilMs).toISOString() }
  const reply = await place.client.request(
    {
      what: `locking ${key} until ${formatTime(untilMs)}`,
      method: 'PATCH',
      path: objectPath(place, key),
      query: conditionsFor(object, mode),
      headers: { 'content-type': 'application/json; charset=UTF-8' },
      body: [Buffer.from(JSON.stringify({ retention }))],
      expects: [400, 412],
    },
    signal,
  )
  if (reply.status === 412) throw changedMeanwhile(place, key)
  // Servers that know no retention leave the field out.
  const isLocked =
    reply.status < 300 && (parseObject(reply.text, place.location).retention?.untilMs ?? 0) >= untilMs
  if (!isLocked) throw withoutLocks(place, undefined)
}

function conditionsFor(
  { generation, metageneration, retention }: GcsObject,
  mode: Retention['mode'],
): Record<string, string | undefined> {
  const isHardened = retention?.mode === 'governance' && mode === 'compliance'
  return {
    generation,
    ifMetagenerationMatch: metageneration,
    overrideUnlockedRetention: isHardened ? 'true' : undefined,
  }
}

function changedMeanwhile({ location }: GcsPlace, key: string): Fault {
  return new Fault(
    'STORAGE_UNAVAILABLE',
    `${key} in ${location} was changed by somebody else while it was being locked`,
    {
      hint: 'Try again.',
    },
  )
}
