/**
 * Claims keep two uploads in parts of the same key apart, on servers that do not refuse the second one by themselves
 * (Ceph before version 20 ignores the condition when an upload is completed, and heeds it when a small object is put).
 *
 * A claim is a small object, made by a conditional put: one winner. Only its holder looks whether the key is free and
 * completes its upload. Who finds a claim waits until the key is there, or until the claim is so old that its holder
 * must be dead; claims are numbered, so that the next one is a conditional put again, and nobody has to delete first.
 *
 * What is not kept apart: an upload in parts from a small object that is put under the same key in the moment between
 * the look and the completion.
 */
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { createHash } from 'node:crypto'
import { Fault } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import { isStatus } from './faults.ts'
import { tokenName } from './look.ts'
import { newToken, type Writing } from './writing.ts'

export async function holdingClaim(
  writing: Writing,
  key: string,
  work: (signal: AbortSignal) => Promise<'written' | 'taken'>,
  signal: AbortSignal,
): Promise<'written' | 'taken'> {
  const claim = await makeClaim(writing, key, signal)
  if (claim === 'taken') return 'taken'
  const { clock } = writing.api.world
  const ended = new AbortController()
  const late = new AbortController()
  // Well before others may think that we are dead.
  clock
    .sleep(limits.objectClaimMsMax / 2, ended.signal)
    .then(() => late.abort(tooLate(key)))
    .catch(() => undefined)
  try {
    const outcome = await work(AbortSignal.any([signal, late.signal]))
    // Whoever comes now finds the object. Without the right to delete, the claims stay: they say nothing any more.
    await removeClaims(writing, claim).catch(() => undefined)
    return outcome
  } finally {
    ended.abort()
  }
}

/** The names of the claims up to ours; `taken` when the key is there before we have one. */
async function makeClaim(
  writing: Writing,
  key: string,
  signal: AbortSignal,
): Promise<readonly string[] | 'taken'> {
  const token = newToken(writing)
  for (let dead: readonly string[] = []; ;) {
    const name = claimName(key, dead.length + 1)
    if (await putClaim(writing, name, token, signal)) return [...dead, name]
    const outcome = await awaitHolder(writing, key, name, signal)
    if (outcome === 'taken') return 'taken'
    if (outcome === 'dead') dead = [...dead, name]
  }
}

async function putClaim(
  { api, looker, parameters }: Writing,
  name: string,
  token: string,
  signal: AbortSignal,
): Promise<boolean> {
  const command = new PutObjectCommand({
    Bucket: api.place.bucket,
    Key: api.place.full(name),
    Body: Buffer.from(token),
    Metadata: { [tokenName]: token },
    IfNoneMatch: '*',
    ...parameters.common,
    ...parameters.customerKey,
  })
  let tries = 0
  return api.retry(async () => {
    const isRepeated = tries++ > 0
    try {
      await api.send({ doing: `claiming ${name}` }, command, signal)
      return true
    } catch (error) {
      if (!isStatus(error, 412)) throw error
      return isRepeated && (await looker.look(name, signal))?.token === token
    }
  }, signal)
}

/** Waits for what the holder of a claim makes of it. */
async function awaitHolder(
  { api, looker }: Writing,
  key: string,
  name: string,
  signal: AbortSignal,
): Promise<'taken' | 'gone' | 'dead'> {
  const { clock } = api.world
  for (;;) {
    if (await api.retry(() => looker.lookOrList(key, signal), signal)) return 'taken'
    const claim = await api.retry(() => looker.lookOrList(name, signal), signal)
    if (!claim) return 'gone'
    if (clock.now() + api.skewMs() - claim.info.modifiedMs > limits.objectClaimMsMax) return 'dead'
    await clock.sleep(limits.objectClaimPollMs, signal)
  }
}

async function removeClaims({ api, parameters }: Writing, names: readonly string[]): Promise<void> {
  const { signal } = new AbortController()
  for (const name of names) {
    const command = new DeleteObjectCommand({
      Bucket: api.place.bucket,
      Key: api.place.full(name),
      ...parameters.common,
    })
    await api.send({ doing: `removing the claim ${name}` }, command, signal)
  }
}

/** Parts of keys never begin with a dot, so claims are in nobody's way. */
function claimName(key: string, number: number): string {
  return `.claims/${createHash('sha256').update(key).digest('hex')}/${String(number)}`
}

function tooLate(key: string): Fault {
  return new Fault(
    'STORAGE_UNAVAILABLE',
    `the upload of ${key} could not be completed while it was claimed`,
    {
      hint: 'Try again: the storage was too slow, or could not be reached.',
    },
  )
}
