/**
 * Copies one backup: packs and manifests, each compared with the hash that the source's `backup.json` says, and last the
 * `backup.json` of the copy. While that goes on the destination's lease for backups is held: nobody sweeps the unfinished folder
 * away, and of two copies one waits for its turn.
 */
import { Fault, isFault } from '../../base/fault.ts'
import { inParallel } from '../../base/in-parallel.ts'
import { limits } from '../../base/limits.ts'
import type { Rewrapping } from '../../pipeline/age-rewrap.ts'
import { indexCommitted } from '../../repository/catalog-index.ts'
import { readBackup } from '../../repository/catalog.ts'
import { parseBackupRecord } from '../../repository/format/backup-json.ts'
import type { BackupRecord, StoredObjectRecord } from '../../repository/format/backup-record.ts'
import { backupFolder, commitName } from '../../repository/layout.ts'
import { acquireLease, leaseOwner } from '../../repository/lease.ts'
import { readWhole, writeOnce } from '../../repository/objects.ts'
import type { StoredStream } from '../../repository/stored-stream.ts'
import { compareObject, copyObject, type CopiedObject, type ObjectCopy } from './copy-object.ts'
import { recordOfCopy } from './copied-record.ts'
import type { CopyRun } from './copy-run.ts'
import { objectCodes } from './copy-wal.ts'
import { takenElsewhere } from './faults.ts'
import type { ObjectSource } from './object-source.ts'
import type { BackupStep } from './plan.ts'
import { problemOf } from './report.ts'
import { assertMayGo, rewrappingFor, rewrappingOf, type CopySide } from './sides.ts'

/** A backup that can not be copied is reported; the others go on. */
export async function copyBackup(run: CopyRun, step: BackupStep, signal: AbortSignal): Promise<void> {
  const { id } = step.record
  try {
    assertNeedsAreThere(run, step)
    const record = await readBackup(run.from.repository, id, signal)
    assertMayGo(`backup ${id}`, record.recipients.length > 0, run.to)
    if (await copyUnderLease(run, record, signal)) run.tally.backups.push(id)
  } catch (error) {
    signal.throwIfAborted()
    if (!isFault(error, ...objectCodes, 'BACKUP_NOT_FOUND', 'REPOSITORY_LOCKED', 'LEASE_LOST')) throw error
    run.failedBackups.add(id)
    run.tally.problems.push(problemOf(`backup ${id}`, error))
  }
}

/** False when somebody else had committed it meanwhile. */
async function copyUnderLease(run: CopyRun, record: BackupRecord, signal: AbortSignal): Promise<boolean> {
  const { repository } = run.to
  const owner = await leaseOwner(`copy of ${record.id} from ${run.from.name}`)
  await using lease = await acquireLease(repository, 'backup', owner, run.world, signal)
  const held = AbortSignal.any([signal, lease.lost])
  const folder = backupFolder(repository.identity.cluster, record.id)
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
  record: BackupRecord,
  there: ReadonlyMap<string, number>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, StoredStream>> {
  const stored = new Map<string, StoredStream>()
  const objects = [...record.packs, record.manifest, record.backupManifest]
  await inParallel(
    objects,
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
  record: BackupRecord,
  object: StoredObjectRecord,
  there: ReadonlyMap<string, number>,
  signal: AbortSignal,
): Promise<StoredStream> {
  const key = `${backupFolder(record.cluster, record.id)}/${object.name}`
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
  const found = await compareObject(job, signal)
  if (found !== 'different') {
    if (found.outcome === 'there') run.progress.advance(found.stored.sizeBytes)
    return found
  }
  await job.to.delete([job.source.key], signal)
  return copyObject(job, run.progress, signal)
}

function jobFor(
  run: CopyRun,
  side: CopySide,
  record: BackupRecord,
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
function rewrappingIn(run: CopyRun, side: CopySide, { recipients }: BackupRecord): Rewrapping | undefined {
  return recipients.length === 0 ? undefined : rewrappingOf(recipients, rewrappingFor(side, run.to))
}

async function commit(
  run: CopyRun,
  record: BackupRecord,
  stored: ReadonlyMap<string, StoredStream>,
  signal: AbortSignal,
): Promise<void> {
  const { from, to } = run
  const key = `${backupFolder(record.cluster, record.id)}/${commitName}`
  const bytes = await readWhole(from.repository.storage, key, limits.recordSizeBytesMax, signal)
  if (!bytes) throw vanished(from, key)
  const now = parseBackupRecord(bytes, key)
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
  await indexCommitted(to.repository, record.id, signal)
}

/** Nothing may be said to be safe before it is: looked at once more, all together. */
async function assertComplete(
  { to }: CopyRun,
  record: BackupRecord,
  stored: ReadonlyMap<string, StoredStream>,
  signal: AbortSignal,
): Promise<void> {
  const prefix = `${backupFolder(record.cluster, record.id)}/`
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
