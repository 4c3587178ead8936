/** Copies WAL files, and holds those that are there already against the source. */
import { Fault, isFault } from '../../base/fault.ts'
import { inParallel } from '../../base/in-parallel.ts'
import { limits } from '../../base/limits.ts'
import { walKey } from '../../repository/layout.ts'
import { compareObject, copyObject, type CopiedObject, type ObjectCopy } from './copy-object.ts'
import type { CopyRun } from './copy-run.ts'
import type { StoredWal } from './holdings.ts'
import { openSource, type ObjectSource } from './object-source.ts'
import { proveWal, type WalProof } from './prove-wal.ts'
import { problemOf } from './report.ts'
import { assertMayGo, rewrappingFor, type CopySide } from './sides.ts'

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
    if (!found) continue
    const outcome = await bringFrom(run, side, found, signal)
    if (outcome === undefined) {
      if (first) run.tally.problems.push(problemOf(file.key, takenElsewhere(first, side)))
      return undefined
    }
    first ??= outcome
  }
  return first ?? gone(run.from, file)
}

async function sameName(
  side: CopySide,
  { name, key }: StoredWal,
  signal: AbortSignal,
): Promise<StoredWal | undefined> {
  const { storage, identity } = side.repository
  const keys = [key, walKey(identity.cluster, name, key.endsWith('.age') ? '.zst' : '.zst.age')]
  for (const candidate of keys) {
    const info = await storage.stat(candidate, signal)
    if (info) return { name, key: candidate, sizeBytes: info.sizeBytes, modifiedMs: info.modifiedMs }
  }
  return undefined
}

async function bringFrom(
  run: CopyRun,
  side: CopySide,
  file: StoredWal,
  signal: AbortSignal,
): Promise<Fault | undefined> {
  try {
    const source = await openSource({ storage: side.repository.storage, ...file }, signal)
    const proof = await proveWal(source, file.name, side.repository.identity, side.identities)
    assertMayGo(file.key, proof.isSealed, run.to)
    const outcome = await copyObject(jobOf(run, side, source, proof), run.progress, signal)
    if (outcome.outcome === 'unfit') return outcome.fault
    count(run, outcome, file, proof, source)
    return undefined
  } catch (error) {
    if (isFault(error, ...objectCodes)) return error
    throw error
  }
}

/** Faults of one object: the others go on. */
export const objectCodes = [
  'OBJECT_CORRUPT',
  'OBJECT_MISSING',
  'OBJECT_CONFLICT',
  'CLUSTER_MISMATCH',
  'KEY_WRONG',
  'KEY_MISSING',
  'CONFIG_INVALID',
] as const

function count(
  { tally }: CopyRun,
  outcome: Exclude<CopiedObject, { outcome: 'unfit' }>,
  file: StoredWal,
  { unproven }: WalProof,
  { location }: ObjectSource,
): void {
  if (unproven !== undefined) tally.unproven++
  if (unproven === 'wrong key') tally.problems.push(problemOf(file.key, sealedToOthers(file, location)))
  if (outcome.outcome === 'there') return
  tally.walFiles++
  tally.wrote(outcome.stored.sizeBytes)
}

function jobOf(run: CopyRun, side: CopySide, source: ObjectSource, { isSealed }: WalProof): ObjectCopy {
  const rewrapping = isSealed ? rewrappingFor(side, run.to) : undefined
  const { storage: to } = run.to.repository
  return { source, expected: undefined, rewrapping, to, arrival: run.arrival }
}

/** What is there already is only ever reported: it may be the better one of the two. */
export async function checkWal(
  run: CopyRun,
  files: readonly StoredWal[],
  signal: AbortSignal,
): Promise<void> {
  await inParallel(
    files,
    limits.copyParallel,
    async (file, stop) => {
      run.tally.checked++
      const fault = await differenceOf(run, file, stop)
      if (!fault) return
      run.failedWal.add(file.name)
      run.tally.problems.push(problemOf(file.key, fault))
    },
    signal,
  )
}

async function differenceOf(run: CopyRun, file: StoredWal, signal: AbortSignal): Promise<Fault | undefined> {
  const { storage } = run.to.repository
  const there = await sameName(run.to, file, signal)
  if (!there) return undefined
  const [original, copy] = await Promise.all([
    openSource({ storage: run.from.repository.storage, ...file }, signal),
    openSource({ storage, ...there }, signal),
  ])
  const { identity } = run.to.repository
  const mine = await proofOrFault(() => proveWal(copy, file.name, identity, run.to.identities))
  if (isFault(mine)) return damagedThere(mine)
  const theirs = await proofOrFault(() => proveWal(original, file.name, identity, run.from.identities))
  if (isFault(theirs)) return theirs
  if (mine.head.sha256 !== theirs.head.sha256) return conflict(run, file)
  if (mine.unproven === undefined || there.key !== file.key) return undefined
  const outcome = await compareObject(jobOf(run, run.from, original, theirs), signal)
  // Sealed to recipients that the copy had before, which is no damage; whether its bytes are right only their key can tell.
  if (outcome !== 'different' || jobOf(run, run.from, original, theirs).rewrapping) return undefined
  return damagedThere(unequal(run, file))
}

async function proofOrFault(work: () => Promise<WalProof>): Promise<WalProof | Fault> {
  try {
    return await work()
  } catch (error) {
    if (isFault(error, 'OBJECT_CORRUPT', 'OBJECT_MISSING', 'CLUSTER_MISMATCH')) return error
    throw error
  }
}

function damagedThere(fault: Fault): Fault {
  return new Fault(fault.code, fault.message, {
    hint: 'Run `holdfast repair` on this repository: it puts the right bytes in their place.',
    cause: fault,
  })
}

function unequal({ from, to }: CopyRun, { key }: StoredWal): Fault {
  return new Fault(
    'OBJECT_CORRUPT',
    `${key} in ${to.repository.storage.location} has other bytes than in "${from.name}"`,
    {
      hint: '',
    },
  )
}

function conflict({ from, to }: CopyRun, { name }: StoredWal): Fault {
  return new Fault('OBJECT_CONFLICT', `"${to.name}" holds another ${name} than "${from.name}" does`, {
    hint:
      'Find the second server that archived: two copies of a cluster on one timeline write different WAL under one name. ' +
      'Nothing was changed; the two archives can not be made one.',
  })
}

function takenElsewhere(fault: Fault, side: CopySide): Fault {
  return new Fault(fault.code, `${fault.message}; it was taken from "${side.name}"`, {
    hint: 'The copy is whole. Run `holdfast repair` on the repository that is damaged.',
    cause: fault,
  })
}

function sealedToOthers({ key }: StoredWal, location: string): Fault {
  return new Fault(
    'KEY_WRONG',
    `none of the identities configured opens ${key} in ${location}; it was copied as it is, unseen`,
    {
      hint: 'Add the identity that it was sealed to, if there is one; else its header is damaged, and `holdfast verify` says so.',
    },
  )
}

function gone({ repository }: CopySide, { key }: StoredWal): Fault {
  return new Fault('OBJECT_MISSING', `${key} in ${repository.storage.location} is not there any more`, {
    hint: 'Run the copy again: the source may just have expired it.',
  })
}
