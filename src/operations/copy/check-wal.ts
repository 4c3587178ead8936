/**
 * Holds WAL that is at the destination against the source. What is there already is only ever reported: it may be the
 * better one of the two, and `repair` is who judges that.
 */
import { Fault, isFault } from '../../base/fault.ts'
import { inParallel } from '../../base/in-parallel.ts'
import { limits } from '../../base/limits.ts'
import { hashParts } from '../../pipeline/age-parts.ts'
import { resealed, type ObjectCopy } from './copy-object.ts'
import type { CopyRun } from './copy-run.ts'
import type { StoredWal } from './holdings.ts'
import { openSource, type ObjectSource } from './object-source.ts'
import { proveWal } from './prove-wal.ts'
import { problemOf } from './report.ts'
import { sameName, walJob } from './wal-job.ts'

/** Names of the files that are not right go to `run.failedWal`. */
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
      // What can not be read at once is there; to look at it takes a thaw.
      if (!fault || fault.code === 'OBJECT_COLD') return
      run.failedWal.add(file.name)
      run.tally.problems.push(problemOf(file.key, fault))
    },
    signal,
  )
}

/** What is wrong with the destination's; also of one that is there only since a moment ago. */
export async function differenceOf(
  run: CopyRun,
  file: StoredWal,
  signal: AbortSignal,
): Promise<Fault | undefined> {
  const there = await sameName(run.to, file, signal)
  if (!there) return undefined
  const opened = await proofOrFault(() =>
    Promise.all([
      openSource({ storage: run.from.repository.storage, ...file }, signal),
      openSource({ storage: run.to.repository.storage, ...there }, signal),
    ]),
  )
  if (isFault(opened)) return opened
  const [original, copy] = opened
  const { identity } = run.to.repository
  const mine = await proofOrFault(() => proveWal(copy, file.name, identity, run.to.identities))
  if (isFault(mine)) return isFault(mine, 'OBJECT_COLD') ? mine : toBeRepaired(mine)
  const theirs = await proofOrFault(() => proveWal(original, file.name, identity, run.from.identities))
  if (isFault(theirs)) return theirs
  if (mine.head.sha256 !== theirs.head.sha256) return conflict(run, file)
  if (mine.unproven === undefined || there.key !== file.key) return undefined
  const isDamaged = await looksDamaged(copy, walJob(run, run.from, original, theirs))
  if (isDamaged) return unequal(run, file)
  if (isDamaged === undefined) run.tally.unproven++
  return undefined
}

/**
 * Without a key: a copy whose header and data are both other ones than a copy from here would have was sealed by itself, by an
 * archiver that wrote to both, and nothing can be said of it. Where one of them is the same, the other is damaged.
 */
async function looksDamaged(
  copy: ObjectSource,
  { source, rewrapping }: ObjectCopy,
): Promise<boolean | undefined> {
  const there = await hashParts(copy.open())
  const wanted = await hashParts(resealed(source.open(), rewrapping))
  if (!there || !wanted) return undefined
  const [isHeader, isPayload] = [there.header === wanted.header, there.payload === wanted.payload]
  return isHeader === isPayload ? (isHeader ? false : undefined) : true
}

async function proofOrFault<T>(work: () => Promise<T>): Promise<T | Fault> {
  try {
    return await work()
  } catch (error) {
    if (isFault(error, 'OBJECT_CORRUPT', 'OBJECT_MISSING', 'OBJECT_COLD', 'CLUSTER_MISMATCH')) return error
    throw error
  }
}

const repairHint = 'Run `holdfast repair` on this repository: it puts the right bytes in their place.'

function toBeRepaired(fault: Fault): Fault {
  return new Fault(fault.code, fault.message, { hint: repairHint, cause: fault })
}

/** Seen without a key. */
function unequal({ to, from }: CopyRun, { key }: StoredWal): Fault {
  const message = `${key} in ${to.repository.storage.location} is damaged: only a part of it is what a copy from "${from.name}" would be`
  return new Fault('OBJECT_CORRUPT', message, { hint: repairHint })
}

function conflict({ from, to }: CopyRun, { name }: StoredWal): Fault {
  return new Fault('OBJECT_CONFLICT', `"${to.name}" holds another ${name} than "${from.name}" does`, {
    hint:
      'Find the second server that archived: two copies of a cluster on one timeline write different WAL under one name. ' +
      'Nothing was changed; the two archives can not be made one.',
  })
}
