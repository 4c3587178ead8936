/** Puts right bytes in the place of wrong ones. What is wrong is removed only when its replacement is proven. */
import { assert } from '../../base/assert.ts'
import { Fault, isFault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Progress } from '../../base/progress.ts'
import {
  folderOfCommit,
  indexCommit,
  keyOfCommit,
  parseCommitRecord,
} from '../../repository/commit-record.ts'
import { readWhole } from '../../repository/objects.ts'
import type { StoredStream } from '../../repository/stored-stream.ts'
import { bodyOf } from '../../storage/storage.ts'
import { recordWithObject } from '../copy/copied-record.ts'
import { copyObject } from '../copy/copy-object.ts'
import { isSame } from '../copy/object-source.ts'
import type { CopySide } from '../copy/sides.ts'
import { replaceRecord, type RecordReplacement } from './replace-record.ts'
import { replaceObject, replaceWal, type Replacement } from './replacement.ts'
import type { Damage, ObjectDamage } from './report.ts'

export interface MendDeps {
  readonly target: CopySide
  readonly sources: () => AsyncIterable<CopySide>
  readonly progress: Progress
}

type AnyReplacement = Replacement | RecordReplacement

/** The first side that can prove the right bytes; else the reason why the first one could not. */
export async function findReplacement(
  { target, sources }: MendDeps,
  damage: Damage,
  signal: AbortSignal,
): Promise<AnyReplacement | Fault | undefined> {
  let first: Fault | undefined
  for await (const side of sources()) {
    const candidate = await candidateOrFault(side, () => candidateOf(target, side, damage, signal), signal)
    if (!(candidate instanceof Fault)) return candidate
    // That it is not there says less than any other reason.
    if (!first || first.code === 'OBJECT_MISSING') first = candidate
  }
  return first
}

/** A side that can not be reached is of no help, and does not keep another one from helping. */
async function candidateOrFault(
  side: CopySide,
  work: () => Promise<AnyReplacement | Fault>,
  signal: AbortSignal,
): Promise<AnyReplacement | Fault> {
  try {
    return await work()
  } catch (error) {
    signal.throwIfAborted()
    if (isFault(error, 'OBJECT_COLD')) return cold(side, error)
    if (isFault(error)) return error
    throw error
  }
}

function cold({ name }: CopySide, cause: Fault): Fault {
  return new Fault('OBJECT_COLD', `it has to be thawed before "${name}" can give it: ${cause.message}`, {
    hint: `Thaw it: a restore of it does (\`holdfast restore --repository ${name} --backup ID --thaw\`), and the vendor's tools do. Then run the repair again.`,
    cause,
  })
}

function candidateOf(
  target: CopySide,
  side: CopySide,
  damage: Damage,
  signal: AbortSignal,
): Promise<AnyReplacement | Fault> {
  switch (damage.kind) {
    case 'object':
      return replaceObject(target, side, damage, signal)
    case 'wal':
      return replaceWal(target, side, damage, signal)
    case 'record':
      return replaceRecord(target, side, damage, signal)
  }
}

/** Undefined when it is mended; else what stands in the way (a lock, missing rights): then nothing was changed. */
export async function mend(
  deps: MendDeps,
  damage: Damage,
  replacement: AnyReplacement,
  signal: AbortSignal,
): Promise<Fault | undefined> {
  try {
    if ('put' in replacement) {
      await remove(deps, damage, signal)
      await replacement.put(signal)
      return undefined
    }
    if (replacement.renamed && damage.kind === 'object')
      return await mendRenamed(deps, damage, { ...replacement, renamed: replacement.renamed }, signal)
    return await mendObject(deps, damage, replacement, signal)
  } catch (error) {
    if (isFault(error, 'OBJECT_LOCKED', 'STORAGE_DENIED', 'OBJECT_CONFLICT')) return error
    throw error
  }
}

async function mendObject(
  deps: MendDeps,
  damage: Damage,
  { job, renamed }: Replacement,
  signal: AbortSignal,
): Promise<Fault | undefined> {
  await remove(deps, damage, signal)
  const outcome = await copyObject(job, deps.progress, signal)
  if (outcome.outcome === 'unfit') return outcome.fault
  const expected = renamed ?? (damage.kind === 'object' ? damage.expected : undefined)
  assert(!expected || isSame(outcome.stored, expected), 'what was proven is what was written')
  return undefined
}

/**
 * The record goes first and comes last, as when a backup is deleted and written: at no moment does it name what is not there. Cut off
 * in between, the backup is unfinished, and a copy from the other repository ends it.
 */
async function mendRenamed(
  deps: MendDeps,
  damage: ObjectDamage,
  replacement: Replacement & { readonly renamed: StoredStream },
  signal: AbortSignal,
): Promise<Fault | undefined> {
  const { repository } = deps.target
  const { id } = damage.record
  const folder = `${folderOfCommit(repository.identity.cluster, id)}/`
  const recordKey = keyOfCommit(repository.identity.cluster, id)
  const bytes = await readWhole(repository.storage, recordKey, limits.recordSizeBytesMax, signal)
  if (!bytes) return vanished(recordKey)
  const record = parseCommitRecord(id, bytes, recordKey)
  const made = recordWithObject(bytes, record, damage.key.slice(folder.length), replacement.renamed)
  await repository.storage.delete([recordKey], signal)
  const fault = await mendObject(deps, damage, replacement, signal)
  await repository.storage.put(recordKey, bodyOf(fault ? bytes : made), signal)
  await indexCommit(repository, id, signal)
  return fault
}

async function remove({ target }: MendDeps, { key, found }: Damage, signal: AbortSignal): Promise<void> {
  if (found === 'damaged') await target.repository.storage.delete([key], signal)
}

function vanished(key: string): Fault {
  return new Fault('OBJECT_MISSING', `${key} is gone`, {
    hint: 'Run the repair again: the backup may just have been expired.',
  })
}
