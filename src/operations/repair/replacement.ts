/** Finds the right bytes for what is damaged, and proves them before anything is touched. */
import { Fault, isFault } from '../../base/fault.ts'
import type { Rewrapping } from '../../pipeline/age-rewrap.ts'
import { objectsOfCommit, readCommitRecord } from '../../repository/commit-record.ts'
import type { StoredStream } from '../../repository/stored-stream.ts'
import type { Storage } from '../../storage/storage.ts'
import { wantedOf, type ObjectCopy } from '../copy/copy-object.ts'
import { isSameCommit } from '../copy/copied-record.ts'
import { sameName } from '../copy/wal-job.ts'
import { isSame, measure, openSource, type ObjectSource } from '../copy/object-source.ts'
import { proveWal } from '../copy/prove-wal.ts'
import { assertMayGo, isSameSet, type CopySide } from '../copy/sides.ts'
import type { ObjectDamage, WalDamage } from './report.ts'

export interface Replacement {
  readonly side: CopySide
  readonly job: ObjectCopy
  /** The bytes are right and not the very ones that backup.json names, which has to say the truth: what it will name. */
  readonly renamed?: StoredStream
}

/** Why a side is of no help is a fault, for people to read when no other is, either. */
export type Candidate = Replacement | Fault

/**
 * An object of a backup or dump has to come out with the very hash that the damaged repository's own record says: as it lies there, or
 * with its key wrapped for the recipients of that record.
 */
export async function replaceObject(
  target: CopySide,
  side: CopySide,
  { key, record, expected }: ObjectDamage,
  signal: AbortSignal,
): Promise<Candidate> {
  const { storage } = side.repository
  const info = await storage.stat(key, signal)
  if (!info) return lacks(side, key)
  const source = await openSource({ storage, key, sizeBytes: info.sizeBytes }, signal)
  const ways: readonly (Rewrapping | undefined)[] =
    record.recipients.length > 0 && side.identities.length > 0
      ? [undefined, { identities: side.identities, recipients: record.recipients }]
      : [undefined]
  for (const rewrapping of ways) {
    const made = await wouldBe(source, rewrapping, target.repository.storage)
    if (made && isSame(made, expected)) return { side, job: jobOf(source, rewrapping, target) }
  }
  return (await resealed(target, side, { key, record }, source, signal)) ?? unlike(side, key)
}

/**
 * From a copy for other recipients the very bytes can not be had when the header is lost, since its one-time keys were. What the
 * copy holds is the same all the same, if its own record vouches for it: then it gets a header anew.
 */
async function resealed(
  target: CopySide,
  side: CopySide,
  { key, record }: Pick<ObjectDamage, 'key' | 'record'>,
  source: ObjectSource,
  signal: AbortSignal,
): Promise<Replacement | undefined> {
  const { identities, repository } = side
  if (identities.length === 0 || record.recipients.length === 0) return undefined
  const other = await readCommitRecord(repository, record.id, signal)
  const isCopy = [
    other.copiedFrom?.repository === target.repository.id,
    record.copiedFrom?.repository === repository.id,
    record.copiedFrom !== undefined && record.copiedFrom.repository === other.copiedFrom?.repository,
  ].includes(true)
  const named = objectsOfCommit(other).find(({ name }) => key.endsWith(`/${name}`))
  if (!isCopy || !isSameCommit(record, other) || !named) return undefined
  if (!isSame(await measure(source.open()), named)) return undefined
  const rewrapping = { identities, recipients: record.recipients }
  const renamed = await wouldBe(source, rewrapping, target.repository.storage)
  return renamed && { side, job: jobOf(source, rewrapping, target), renamed }
}

/** WAL is right when its bytes are what its head says, and its head is that of the damaged file as far as one can be read. */
export async function replaceWal(
  target: CopySide,
  side: CopySide,
  { key, name, sha256, found }: WalDamage,
  signal: AbortSignal,
): Promise<Candidate> {
  const { repository } = side
  try {
    const file = await sameName(side, { name, key, sizeBytes: 0, modifiedMs: 0 }, signal)
    if (!file) return lacks(side, key)
    const source = await openSource({ storage: repository.storage, ...file }, signal)
    const proof = await proveWal(source, name, target.repository.identity, side.identities)
    assertMayGo(file.key, proof.isSealed, target)
    if (proof.unproven !== undefined && found === 'damaged') return unprovable(side, key)
    if (sha256 !== undefined && proof.head.sha256 !== sha256) return another(side, name)
    return { side, job: jobOf(source, rewrappingOfWal(target, side, proof.isSealed), target) }
  } catch (error) {
    if (isFault(error, 'OBJECT_CORRUPT', 'OBJECT_MISSING', 'CLUSTER_MISMATCH', 'CONFIG_INVALID')) return error
    throw error
  }
}

/** Whether a file is byte by byte what a copy from there would be: proof also without a key. */
export async function isCopyOf(
  target: CopySide,
  side: CopySide,
  file: Pick<WalDamage, 'key' | 'name'>,
  signal: AbortSignal,
): Promise<boolean> {
  const candidate = await replaceWal(
    target,
    side,
    { ...file, kind: 'wal', sha256: undefined, found: 'missing', message: '' },
    signal,
  )
  if (candidate instanceof Fault || candidate.job.source.key !== file.key) return false
  const made = await wantedOf(candidate.job)
  if ('outcome' in made) return false
  return isSame(made, await measure(target.repository.storage.get(file.key, undefined, signal)))
}

function rewrappingOfWal(target: CopySide, side: CopySide, isSealed: boolean): Rewrapping | undefined {
  if (!isSealed || isSameSet(target.recipients, side.recipients)) return undefined
  return { identities: side.identities, recipients: target.recipients }
}

function jobOf(source: ObjectSource, rewrapping: Rewrapping | undefined, target: CopySide): ObjectCopy {
  const { storage: to } = target.repository
  return { source, expected: undefined, rewrapping, to, arrival: 'read back' }
}

/** What would be written; nothing when the source's own header can not be opened, or is not whole. */
async function wouldBe(
  source: ObjectSource,
  rewrapping: Rewrapping | undefined,
  to: Storage,
): Promise<StoredStream | undefined> {
  const made = await wantedOf({ source, expected: undefined, rewrapping, to, arrival: 'read back' })
  if (!('outcome' in made)) return made
  // Whether it gives the right bytes nobody can tell before it was thawed.
  if (isFault(made.fault, 'OBJECT_COLD')) throw made.fault
  return undefined
}

function lacks(side: CopySide, key: string): Fault {
  return new Fault('OBJECT_MISSING', `"${side.name}" does not have it`, {
    hint: `Look for ${key} in other copies of the repository; else make a new backup or dump.`,
  })
}

function unlike(side: CopySide, key: string): Fault {
  return new Fault(
    'OBJECT_CORRUPT',
    `what "${side.name}" has does not give the bytes that its record here says`,
    {
      hint:
        `Run \`holdfast verify --repository ${side.name}\`: ${key} is damaged there, too, or was sealed there on its own. ` +
        'Then remove the folder and copy it anew, or make a new backup or dump.',
    },
  )
}

function unprovable(side: CopySide, key: string): Fault {
  return new Fault('KEY_MISSING', `whether "${side.name}" has it whole can not be told without a key`, {
    hint: `Name the identity of "${side.name}" in the configuration: ${key} is replaced only by what is proven.`,
  })
}

function another(side: CopySide, name: string): Fault {
  return new Fault('OBJECT_CONFLICT', `"${side.name}" holds another ${name}`, {
    hint: 'Find the second server that archived: two copies of a cluster on one timeline write different WAL under one name.',
  })
}
