/** What all ways to write an object share: who it is that writes, and the proof that what was written is there. */
import { Fault } from '../../../base/fault.ts'
import type { Api } from './client.ts'
import type { Looker } from './look.ts'
import type { Parameters } from './parameters.ts'
import type { Prover } from './proof.ts'

export interface Writing {
  readonly api: Api
  readonly parameters: Parameters
  readonly looker: Looker
  readonly prover: Prover
}

export interface Expected {
  readonly sizeBytes: number
  /** What this writer writes beside its object, to know it again. */
  readonly token: string
}

export function newToken({ api }: Writing): string {
  return Buffer.from(api.world.randomBytes(12)).toString('hex')
}

/**
 * A server's word that it wrote an object is not taken: proxies answer for servers, and servers lose what they
 * acknowledged. What is there after all must be ours, whole.
 */
export async function provenWritten(
  { api, looker }: Writing,
  key: string,
  { sizeBytes, token }: Expected,
  signal: AbortSignal,
): Promise<'written' | 'taken'> {
  const found = await looker.lookOrList(key, signal)
  if (!found) throw lost(api, key)
  if (found.token !== undefined && found.token !== token) return 'taken'
  if (found.info.sizeBytes !== sizeBytes) throw otherSize(api, key, sizeBytes, found.info.sizeBytes)
  return 'written'
}

/** The key is said to be taken; after a try whose answer was lost, it may be by ourselves. */
export async function takenByWhom(
  writing: Writing,
  key: string,
  expected: Expected,
  signal: AbortSignal,
): Promise<'written' | 'taken'> {
  const found = await writing.looker.lookOrList(key, signal)
  return found?.token === expected.token ? provenWritten(writing, key, expected, signal) : 'taken'
}

function lost({ place }: Api, key: string): Fault {
  return new Fault(
    'STORAGE_UNAVAILABLE',
    `${place.location}/${key} was said to be written, and is not there`,
    {
      hint: 'Look for what answers in the place of the storage (a proxy), or deletes in the bucket; nothing was acknowledged.',
    },
  )
}

function otherSize({ place }: Api, key: string, expectedBytes: number, foundBytes: number): Fault {
  const sizes = `${String(foundBytes)} bytes instead of ${String(expectedBytes)}`
  return new Fault('OBJECT_CORRUPT', `${place.location}/${key} was written, and has ${sizes}`, {
    hint: 'Look for what changes objects on their way to the storage, then delete this object and run it again.',
  })
}
