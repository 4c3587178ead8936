/**
 * Copies one backup or dump: its objects, each compared with the hash that the source's record says, and last the record of
 * the copy. While that goes on the destination's lease for them is held: nobody sweeps the unfinished folder away, and of two
 * copies one waits for its turn.
 */
import { Fault, isFault } from '../../base/fault.ts'
import { inParallel } from '../../base/in-parallel.ts'
import { limits } from '../../base/limits.ts'
import type { Rewrapping } from '../../pipeline/age-rewrap.ts'
import {
  folderOfCommit,
  indexCommit,
  keyOfCommit,
  nameOfCommit,
  objectsOfCommit,
  parseCommitRecord,
  readCommitRecord,
  type CommitRecord,
} from '../../repository/commit-record.ts'
import type { StoredObjectRecord } from '../../repository/format/backup-record.ts'
import { acquireLease, leaseOwner } from '../../repository/lease.ts'
import { readWhole, writeOnce } from '../../repository/objects.ts'
import { shelfOf } from '../../repository/shelf.ts'
import type { StoredStream } from '../../repository/stored-stream.ts'
import { compareObject, copyObject, type CopiedObject, type ObjectCopy } from './copy-object.ts'
import { recordOfCopy } from './copied-record.ts'
import type { CopyRun } from './copy-run.ts'
import { objectCodes } from './copy-wal.ts'
import { takenElsewhere } from './faults.ts'
import type { ObjectSource } from './object-source.ts'
import type { BackupStep } from './plan.ts'
import type { DumpStep } from './plan-dumps.ts'
import { problemOf } from './report.ts'
import { assertMayGo, rewrappingFor, rewrappingOf, type CopySide } from './sides.ts'

/** One that can not be copied is reported; the others go on. */
export async function copyCommit(
  run: CopyRun,
  step: BackupStep | DumpStep,
  signal: AbortSignal,
): Promise<void> {
  const { id } = step.record
  const what = nameOfCommit(id)
  try {
    if (step.kind === 'backup') assertNeedsAreThere(run, step)
    const record = await readCommitRecord(run.from.repository, id, signal)
    assertMayGo(what, record.recipients.length > 0, run.to)
    const { backups, dumps } = run.tally
    if (await copyUnderLease(run, record, signal)) (step.kind === 'dump' ? dumps : backups).push(id)
  } catch (error) {
    signal.throwIfAborted()
    if (!isFault(error, ...objectCodes, 'BACKUP_NOT_FOUND', 'REPOSITORY_LOCKED', 'LEASE_LOST')) throw error
    run.failedBackups.add(id)
    run.tally.problems.push(problemOf(what, error))
  }
}

/** False when somebody else had committed it meanwhile. */
async function copyUnderLease(run: CopyRun, record: CommitRecord, signal: AbortSignal): Promise<boolean> {
  const { repository } = run.to
  const owner = await leaseOwner(`copy of ${record.id} from ${run.from.name}`)
  const { lease: leaseName, commitName } = shelfOf(record.id)
  await using lease = await acquireLease(repository, leaseName, owner, run.world, signal)
  const held = AbortSignal.any([signal, lease.lost])
  const folder = folderOfCommit(repository.identity.cluster, record.id)
  const there = new Map<string, number>()
  for await (const { key, sizeBytes } of repository.storage.list(`${folder}/`, held))
    there.set(key, sizeBytes)
  if (there.has(`${folder}/${commitName}`)) return false
  const stored = await bringObjects(run, record, there, held)
  await commit(run, record, stored, held)
  return true
}

async function bringObjects(
  run: CopyRun,
  record: CommitRecord,
  there: ReadonlyMap<string, number>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, StoredStream>> {
  const stored = new Map<string, StoredStream>()
  await inParallel(
    objectsOfCommit(record),
    limits.copyParallel,
    async (object, stop) => {
      stored.set(object.name, await bringObject(run, record, object, there, stop))
    },
    signal,
  )
  return stored
}

async function bringObject(
  run: CopyRun,
  record: CommitRecord,
  object: StoredObjectRecord,
  there: ReadonlyMap<string, number>,
  signal: AbortSignal,
): Promise<StoredStream> {
  const key = `${folderOfCommit(record.cluster, record.id)}/${object.name}`
  let first: Fault | undefined
  for await (const side of run.sources()) {
    const job = jobFor(run, side, record, { ...object, key }, signal)
    if (isFault(job)) {
      first ??= job
      continue
    }
    const outcome = there.has(key)
      ? await resume(run, job, signal)
      : await copyObject(job, run.progress, signal)
    if (outcome.outcome === 'unfit') {
      first ??= outcome.fault
      continue
    }
    if (outcome.outcome === 'copied') run.tally.wrote(outcome.stored.sizeBytes)
    if (first) run.tally.problems.push(problemOf(key, takenElsewhere(first, side)))
    return outcome.stored
  }
  throw first ?? new Error('assertion failed: the source is the first of the sources')
}

/**
 * What an earlier copy left is not trusted for its size: it is hashed. The folder is no backup yet and the lease is ours, so what
 * is wrong can go.
 */
async function resume(run: CopyRun, job: ObjectCopy, signal: AbortSignal): Promise<CopiedObject> {
  run.tally.checked++
  const found = await compareObject(job, signal).catch(asDifferentWhenCold)
  if (found !== 'different') {
    if (found.outcome === 'there') run.progress.advance(found.stored.sizeBytes)
    return found
  }
  await job.to.delete([job.source.key], signal)
  return copyObject(job, run.progress, signal)
}

/** Of the source that would be an outcome. What is cold at the destination can not be held against anything. */
function asDifferentWhenCold(error: unknown): 'different' {
  if (isFault(error, 'OBJECT_COLD')) return 'different'
  throw error
}

function jobFor(
  run: CopyRun,
  side: CopySide,
  record: CommitRecord,
  { key, sizeBytes, sha256 }: StoredObjectRecord & { readonly key: string },
  signal: AbortSignal,
): ObjectCopy | Fault {
  const { storage } = side.repository
  const source: ObjectSource = {
    key,
    location: storage.location,
    open: () => storage.get(key, undefined, signal),
  }
  try {
    const rewrapping = rewrappingIn(run, side, record)
    const expected = { sizeBytes, sha256 }
    return { source, expected, rewrapping, to: run.to.repository.storage, arrival: run.arrival }
  } catch (error) {
    if (side !== run.from && isFault(error, 'CONFIG_INVALID', 'KEY_MISSING')) return error
    throw error
  }
}

/** Whether the record's own recipients are the destination's decides; older backups may have others than their repository. */
function rewrappingIn(run: CopyRun, side: CopySide, { recipients }: CommitRecord): Rewrapping | undefined {
  return recipients.length === 0 ? undefined : rewrappingOf(recipients, rewrappingFor(side, run.to))
}

async function commit(
  run: CopyRun,
  record: CommitRecord,
  stored: ReadonlyMap<string, StoredStream>,
  signal: AbortSignal,
): Promise<void> {
  const { from, to } = run
  const key = keyOfCommit(record.cluster, record.id)
  const bytes = await readWhole(from.repository.storage, key, limits.recordSizeBytesMax, signal)
  if (!bytes) throw vanished(from, key)
  const now = parseCommitRecord(record.id, bytes, key)
  const isRewrapped = rewrappingIn(run, from, now) !== undefined
  const made = isRewrapped
    ? recordOfCopy({
        bytes,
        record: now,
        repositoryId: from.repository.id,
        stored,
        recipients: to.recipients,
      })
    : bytes
  await assertComplete(run, record, stored, signal)
  if ((await writeOnce(to.repository.storage, key, made, signal)) === 'other') throw other(to, key)
  await indexCommit(to.repository, record.id, signal)
}

/** Nothing may be said to be safe before it is: looked at once more, all together. */
async function assertComplete(
  { to }: CopyRun,
  record: CommitRecord,
  stored: ReadonlyMap<string, StoredStream>,
  signal: AbortSignal,
): Promise<void> {
  const prefix = `${folderOfCommit(record.cluster, record.id)}/`
  const sizes = new Map<string, number>()
  for await (const { key, sizeBytes } of to.repository.storage.list(prefix, signal))
    sizes.set(key.slice(prefix.length), sizeBytes)
  for (const [name, { sizeBytes }] of stored) {
    if (sizes.get(name) !== sizeBytes) throw vanished(to, `${prefix}${name}`)
  }
}

function assertNeedsAreThere({ failedWal, failedBackups, to }: CopyRun, { record, needs }: BackupStep): void {
  if (record.parent !== null && failedBackups.has(record.parent)) throw withoutParent(record)
  const lacking = needs.find(name => failedWal.has(name))
  if (lacking === undefined) return
  throw new Fault(
    'OBJECT_MISSING',
    `backup ${record.id} was not copied: WAL segment ${lacking}, which it needs, is not right in "${to.name}"`,
    { hint: 'Mend the segment (`holdfast repair`), then run the copy again.' },
  )
}

function withoutParent({ id, parent }: BackupStep['record']): Fault {
  return new Fault(
    'OBJECT_MISSING',
    `backup ${id} was not copied: ${String(parent)}, on which it is based, was not`,
    {
      hint: 'Mend what that one lacks, then run the copy again.',
    },
  )
}

function vanished({ repository }: CopySide, key: string): Fault {
  return new Fault('OBJECT_MISSING', `${key} in ${repository.storage.location} was there, and is gone`, {
    hint: 'Run the copy again: the backup may just have been expired. Else find out what deletes objects there.',
  })
}

function other({ repository }: CopySide, key: string): Fault {
  return new Fault(
    'OBJECT_CONFLICT',
    `${key} is in ${repository.storage.location} already, and is not what was to be written`,
    {
      hint: 'Find out who writes to that repository: one that is a copy is filled by `holdfast copy` alone.',
    },
  )
}
