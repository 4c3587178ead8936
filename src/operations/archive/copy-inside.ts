/**
 * One object of a repository into its archive: copied by the storage itself where it can, and known to be right before
 * anything counts on it.
 *
 * What proves it, in this order: the storage's own hashes of both; else reading back what was copied; else, when the copy
 * goes where nothing can be read, the original is read and compared with its SHA-256 before it is copied. Sealed or not
 * does not matter: the bytes are the same, and no key is needed.
 */
import { Fault, isFault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Progress } from '../../base/progress.ts'
import { archiveOf } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import type { StoredStream } from '../../repository/stored-stream.ts'
import type { CopyOutcome } from '../../storage/second-ports.ts'
import type { Storage } from '../../storage/storage.ts'
import { arrivalAt, copyObject } from '../copy/copy-object.ts'
import { isSame, measure } from '../copy/object-source.ts'

/** What the archive of a repository is filled by. */
export interface Inside {
  readonly repository: Repository
  /** The same, seen as the repository that lies in it. */
  readonly archive: Repository
  /** The class that what is written under this key of the archive is asked to have. */
  readonly classOf: (key: string) => string | undefined
}

export interface InsideObject {
  /** The same in the repository and, as it is seen, in its archive. */
  readonly key: string
  readonly sizeBytes: number
  /** Where a record tells it. */
  readonly sha256: string | undefined
}

/** `there`: it was, and it is right as far as can be told. */
export async function copyInside(
  inside: Inside,
  object: InsideObject,
  progress: Pick<Progress, 'advance'>,
  signal: AbortSignal,
): Promise<'copied' | 'there'> {
  try {
    const outcome = await copyByStorage(inside, object, signal)
    progress.advance(object.sizeBytes)
    return outcome
  } catch (error) {
    // Some servers (Ceph) look for the right to the source in other places than for the right to read: who may do both may copy.
    if (!isFault(error, 'STORAGE_UNSUPPORTED', 'STORAGE_DENIED')) throw error
    return copyByHand(inside, object, progress, signal)
  }
}

async function copyByStorage(
  inside: Inside,
  object: InsideObject,
  signal: AbortSignal,
): Promise<'copied' | 'there'> {
  const { storage, identity } = inside.repository
  const { copying } = storage
  if (!copying) throw withoutCopying(storage)
  const to = archiveOf(identity.cluster).lies + object.key.slice(archiveOf(identity.cluster).seen.length)
  const isCold = isColdClass(inside, object.key)
  const copy = (unproven: 'make' | 'refuse'): Promise<CopyOutcome> =>
    copying.copy(object.key, to, unproven, signal)
  for (let attempt = 1; ; attempt++) {
    let outcome = await copy(isCold ? 'refuse' : 'make')
    if (outcome === 'refused') {
      await assertOriginal(storage, object, signal)
      outcome = await copy('make')
    }
    if (outcome === 'different') throw conflict(storage, to)
    if (await isRight(inside, object, outcome, isCold, signal))
      return outcome === 'taken' ? 'there' : 'copied'
    // Never right, and the lease is ours: nobody can have relied on it.
    await inside.archive.storage.delete([object.key], signal)
    if (attempt >= limits.copyAttemptsMax) throw garbled(storage, to)
  }
}

/** Also whether it has the size that it has to have. */
async function isRight(
  { repository, archive }: Inside,
  object: InsideObject,
  outcome: CopyOutcome,
  isCold: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  const info = await archive.storage.stat(object.key, signal)
  if (info?.sizeBytes !== object.sizeBytes) return false
  // What is cold was checked before it was made, by us or by whoever made it.
  if (outcome === 'proven' || isCold) return true
  const there = await measure(archive.storage.get(object.key, undefined, signal))
  return isSame(there, await wantedOf(repository.storage, object, signal))
}

async function wantedOf(
  storage: Storage,
  { key, sizeBytes, sha256 }: InsideObject,
  signal: AbortSignal,
): Promise<StoredStream> {
  return sha256 === undefined ? measure(storage.get(key, undefined, signal)) : { sizeBytes, sha256 }
}

async function assertOriginal(
  storage: Storage,
  { key, sizeBytes, sha256 }: InsideObject,
  signal: AbortSignal,
): Promise<void> {
  const read = await measure(storage.get(key, undefined, signal))
  if (read.sizeBytes === sizeBytes && (sha256 === undefined || read.sha256 === sha256)) return
  throw new Fault('OBJECT_CORRUPT', `${key} in ${storage.location} is damaged, so it is not archived`, {
    hint: 'Run `holdfast repair` with a repository that still has it whole, then archive again.',
  })
}

/** Where the storage does not copy, or not for us: the bytes are read, hashed, and written. */
async function copyByHand(
  inside: Inside,
  { key, sizeBytes, sha256 }: InsideObject,
  progress: Pick<Progress, 'advance'>,
  signal: AbortSignal,
): Promise<'copied' | 'there'> {
  const { storage } = inside.repository
  const to = inside.archive.storage
  const job = {
    source: { key, location: storage.location, open: () => storage.get(key, undefined, signal) },
    expected: sha256 === undefined ? undefined : { sizeBytes, sha256 },
    rewrapping: undefined,
    to,
    // What is cold can not be read back; the size is compared.
    arrival: isColdClass(inside, key) ? ('server checks' as const) : await arrivalAt(to, signal),
  }
  const outcome = await copyObject(job, progress, signal)
  if (outcome.outcome === 'unfit') throw outcome.fault
  return outcome.outcome
}

function isColdClass({ repository, classOf }: Inside, key: string): boolean {
  return repository.storage.thawing?.isCold(classOf(key)) === true
}

function withoutCopying({ location }: Storage): Fault {
  return new Fault('STORAGE_UNSUPPORTED', `${location} does not copy by itself`, {
    hint: 'The bytes are read and written instead.',
  })
}

function conflict({ location }: Storage, key: string): Fault {
  return new Fault('OBJECT_CONFLICT', `${key} is in ${location} already, with other bytes`, {
    hint: 'Run `holdfast verify` on the archive: what lies there is not what was archived. Nothing was changed.',
  })
}

function garbled({ location }: Storage, key: string): Fault {
  const times = `${String(limits.copyAttemptsMax)} times`
  return new Fault('STORAGE_UNAVAILABLE', `${key} was copied inside ${location} to other bytes, ${times}`, {
    hint: 'Look at the disk and the memory of that storage: it changes what it is given. Nothing of it was kept.',
  })
}
