/**
 * One backup or dump into the archive: what it is based on first, of each its objects, then the note that says until when
 * it is kept, and last its record. So it may be cut off at any moment and run again: what is there is found, and it exists
 * in the archive when all that it needs does.
 */
import { Fault } from '../../base/fault.ts'
import { inParallel } from '../../base/in-parallel.ts'
import { limits } from '../../base/limits.ts'
import type { Progress } from '../../base/progress.ts'
import { toolName } from '../../base/version.ts'
import type { World } from '../../base/world.ts'
import { writeKept } from '../../repository/kept.ts'
import { acquireLease, leaseOwner } from '../../repository/lease.ts'
import { readWhole, writeOnce } from '../../repository/objects.ts'
import type { Retention } from '../../storage/storage.ts'
import { copyInside, type Inside, type InsideObject } from './copy-inside.ts'

export interface ArchiveRun {
  readonly world: World
  readonly progress: Progress
  readonly inside: Inside
  /** Set where the repository locks what it holds: what is archived is locked for as long as it is kept. */
  readonly lockMode: Retention['mode'] | undefined
  /** What the objects are asked to be stored in. */
  readonly storageClass: string | undefined
}

export interface ArchiveWish {
  readonly id: string
  readonly rule: string | undefined
  /** Undefined: for ever. */
  readonly untilMs: number | undefined
  readonly reason: string
}

export interface ArchiveTally {
  readonly objects: number
  readonly bytes: number
}

/** Something that gets a folder in the archive: what has to be there before its record is. */
export interface ArchiveJob {
  readonly id: string
  /** Without a `/` at its end. */
  readonly folder: string
  readonly commitKey: string
  /** In the order in which they have to be there. */
  readonly objects: readonly InsideObject[]
  /** OBJECT_MISSING when the archive lacks something that its record names. */
  readonly assertComplete: (signal: AbortSignal) => Promise<void>
  /** Tells the index of the archive, where there is one. */
  readonly committed: (signal: AbortSignal) => Promise<void>
}

/** What is wished for is the last of them; it is based on those before. */
export async function archiveJobs(
  run: ArchiveRun,
  open: (signal: AbortSignal) => Promise<readonly ArchiveJob[]>,
  wish: ArchiveWish,
  signal: AbortSignal,
): Promise<ArchiveTally> {
  const { archive } = run.inside
  const owner = await leaseOwner(`archiving ${wish.id}`)
  await using lease = await acquireLease(archive, 'backup', owner, run.world, signal)
  const held = AbortSignal.any([signal, lease.lost])
  const jobs = await open(held)
  const sizes = jobs.flatMap(({ objects }) => objects.map(({ sizeBytes }) => sizeBytes))
  run.progress.phase(
    `archiving ${wish.id}`,
    sizes.reduce((sum, size) => sum + size, 0),
  )
  let tally: ArchiveTally = { objects: 0, bytes: 0 }
  for (const job of jobs) tally = plus(tally, await bring(run, job, wish, held))
  return tally
}

const plus = (a: ArchiveTally, b: ArchiveTally): ArchiveTally => ({
  objects: a.objects + b.objects,
  bytes: a.bytes + b.bytes,
})

async function bring(
  run: ArchiveRun,
  job: ArchiveJob,
  wish: ArchiveWish,
  signal: AbortSignal,
): Promise<ArchiveTally> {
  const { objects, commitKey } = job
  const isThere = (await run.inside.archive.storage.stat(commitKey, signal)) !== undefined
  let tally: ArchiveTally = { objects: 0, bytes: 0 }
  if (isThere) run.progress.advance(objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))
  else
    await inParallel(
      objects,
      limits.copyParallel,
      async (object, stop) => {
        const outcome = await copyInside(run.inside, object, run.progress, stop)
        if (outcome === 'copied') tally = plus(tally, { objects: 1, bytes: object.sizeBytes })
      },
      signal,
    )
  // What was archived before may have to be locked for longer now.
  await lockAll(
    run,
    objects.map(({ key }) => key),
    wish,
    signal,
  )
  if (job.id === wish.id) await noteKept(run, job, wish, signal)
  if (!isThere) await commit(run, job, signal)
  await lockAll(run, [commitKey], wish, signal)
  return tally
}

async function noteKept(
  run: ArchiveRun,
  { id, folder }: ArchiveJob,
  { rule, untilMs, reason }: ArchiveWish,
  signal: AbortSignal,
): Promise<void> {
  const { archive } = run.inside
  const key = await writeKept(
    archive,
    folder,
    {
      format: 1,
      cluster: archive.identity.cluster,
      id,
      rule: rule ?? null,
      until: untilMs === undefined ? null : new Date(untilMs).toISOString(),
      archivedAt: new Date(run.world.clock.now()).toISOString(),
      reason,
      storageClass: run.storageClass ?? null,
      tool: toolName,
    },
    signal,
  )
  await lockAll(run, [key], { untilMs }, signal)
}

/** The very same record: nothing in it depends on where it lies. */
async function commit(
  { inside: { repository, archive } }: ArchiveRun,
  { commitKey, assertComplete, committed }: ArchiveJob,
  signal: AbortSignal,
): Promise<void> {
  const bytes = await readWhole(repository.storage, commitKey, limits.recordSizeBytesMax, signal)
  if (!bytes)
    throw new Fault('OBJECT_MISSING', `${commitKey} in ${repository.storage.location} is gone`, {
      hint: 'It was deleted while it was being archived: archive another one.',
    })
  await assertComplete(signal)
  if ((await writeOnce(archive.storage, commitKey, bytes, signal)) === 'other')
    throw new Fault('OBJECT_CONFLICT', `${commitKey} is in the archive already, and is another record`, {
      hint: 'Run `holdfast verify` on the archive, and compare the two records.',
    })
  await committed(signal)
}

async function lockAll(
  { inside: { archive }, lockMode }: ArchiveRun,
  keys: readonly string[],
  { untilMs }: Pick<ArchiveWish, 'untilMs'>,
  signal: AbortSignal,
): Promise<void> {
  if (lockMode === undefined || untilMs === undefined) return
  const until = { mode: lockMode, untilMs }
  await inParallel(keys, limits.copyParallel, (key, stop) => archive.storage.retain(key, until, stop), signal)
}
