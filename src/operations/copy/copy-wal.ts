/** Copies WAL files. */
import { Fault, isFault } from '../../base/fault.ts'
import { inParallel } from '../../base/in-parallel.ts'
import { limits } from '../../base/limits.ts'
import { differenceOf } from './check-wal.ts'
import { copyObject, type CopiedObject } from './copy-object.ts'
import type { CopyRun } from './copy-run.ts'
import { takenElsewhere } from './faults.ts'
import type { StoredWal } from './holdings.ts'
import { openSource, type ObjectSource } from './object-source.ts'
import { proveWal, type WalProof } from './prove-wal.ts'
import { problemOf } from './report.ts'
import { assertMayGo, type CopySide } from './sides.ts'
import { sameName, walJob } from './wal-job.ts'

/** Names of the files that could not be copied go to `run.failedWal`. */
export async function copyWal(run: CopyRun, files: readonly StoredWal[], signal: AbortSignal): Promise<void> {
  await inParallel(
    files,
    limits.copyParallel,
    async (file, stop) => {
      const failure = await bringWal(run, file, stop)
      if (!failure) return
      run.failedWal.add(file.name)
      run.tally.problems.push(problemOf(file.key, failure))
    },
    signal,
  )
}

/** The first side that has the file whole gives it; the fault of the first one is what people are told. */
async function bringWal(run: CopyRun, file: StoredWal, signal: AbortSignal): Promise<Fault | undefined> {
  let first: Fault | undefined
  for await (const side of run.sources()) {
    const found = side === run.from ? file : await sameName(side, file, signal)
    const fault = found ? await bringFrom(run, side, found, { unseen: false }, signal) : gone(side, file)
    if (fault === undefined) {
      if (first) run.tally.problems.push(problemOf(file.key, takenElsewhere(first, side)))
      return undefined
    }
    first ??= fault
  }
  return isFault(first, 'KEY_WRONG') ? bringUnseen(run, file, first, signal) : first
}

/** Nobody has it in a form that our keys open. Losing it would be worse than copying what may be damaged, so that is done, and said. */
async function bringUnseen(
  run: CopyRun,
  file: StoredWal,
  why: Fault,
  signal: AbortSignal,
): Promise<Fault | undefined> {
  const fault = await bringFrom(run, run.from, file, { unseen: true }, signal)
  if (fault) return fault
  run.tally.problems.push(problemOf(file.key, copiedUnseen(why)))
  return undefined
}

async function bringFrom(
  run: CopyRun,
  side: CopySide,
  file: StoredWal,
  { unseen }: { readonly unseen: boolean },
  signal: AbortSignal,
): Promise<Fault | undefined> {
  try {
    const source = await openSource({ storage: side.repository.storage, ...file }, signal)
    const proof = await proveWal(source, file.name, side.repository.identity, side.identities)
    if (proof.unproven === 'wrong key' && !unseen) return sealedToOthers(source)
    assertMayGo(file.key, proof.isSealed, run.to)
    const outcome = await copyObject(walJob(run, side, source, proof), run.progress, signal)
    if (outcome.outcome === 'unfit') return outcome.fault
    count(run, outcome, proof)
    return undefined
  } catch (error) {
    // The archiver was faster, and sealed the same segment anew: its bytes are others, and what they hold is compared.
    if (isFault(error, 'OBJECT_CONFLICT')) return differenceOf(run, file, signal)
    if (isFault(error, ...objectCodes)) return error
    throw error
  }
}

/** Faults of one object: the others go on. */
export const objectCodes = [
  'OBJECT_CORRUPT',
  'OBJECT_MISSING',
  'OBJECT_CONFLICT',
  'OBJECT_COLD',
  'CLUSTER_MISMATCH',
  'KEY_WRONG',
  'KEY_MISSING',
  'CONFIG_INVALID',
] as const

function count(
  { tally }: CopyRun,
  outcome: Exclude<CopiedObject, { outcome: 'unfit' }>,
  { unproven }: WalProof,
): void {
  if (unproven !== undefined) tally.unproven++
  if (outcome.outcome === 'there') return
  tally.walFiles++
  tally.wrote(outcome.stored.sizeBytes)
}

function sealedToOthers({ key, location }: ObjectSource): Fault {
  return new Fault('KEY_WRONG', `none of the identities configured opens ${key} in ${location}`, {
    hint: 'Add the identity that it was sealed to, if there is one; else its header is damaged, and `holdfast repair` may mend it.',
  })
}

function copiedUnseen({ code, message, hint }: Fault): Fault {
  return new Fault(code, `${message}; it was copied as it is, unseen`, { hint })
}

function gone({ repository }: CopySide, { name }: StoredWal): Fault {
  return new Fault('OBJECT_MISSING', `${name} is not in ${repository.storage.location} any more`, {
    hint: 'Run the copy again: the source may just have expired it.',
  })
}
