/** Carries a dumped database into an empty one: what comes before the rows, the rows, and what comes after them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inParallel } from '../../base/in-parallel.ts'
import { databaseArgument } from '../../postgres/client-environment.ts'
import type { TocEntry } from '../../postgres/dump-archive/archive.ts'
import { miniArchive, toDirectory } from '../../postgres/dump-archive/convert.ts'
import { encodeArchive } from '../../postgres/dump-archive/toc.ts'
import { runPgRestore, takesAllSettings } from '../../postgres/pg-restore.ts'
import { DumpReader } from './dump-reader.ts'
import type { RestoreDumpDeps, RestoreDumpPlan } from './lay-out.ts'
import { largeObjectsArchive, taskArchive } from './task-archive.ts'

export interface LoadTimes {
  readonly preDataMs: number
  readonly dataMs: number
  readonly postDataMs: number
}

export async function load(
  deps: RestoreDumpDeps,
  plan: RestoreDumpPlan,
  signal: AbortSignal,
): Promise<LoadTimes> {
  const { progress, world } = deps
  // Nothing but the table of contents goes to a disk here, for pg_restore can not work in parallel from a pipe.
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-restore-dump-'))
  try {
    await writeFile(join(folder, 'toc.dat'), encodeArchive(toDirectory(plan.archive)), { mode: 0o600 })
    const usual = usualArguments(plan)
    const begunMs = world.clock.monotonicMs()
    progress.phase('making tables, types and functions')
    await runPgRestore(
      plan.program,
      { what: 'what comes before the rows', args: [...usual, '--section=pre-data', folder] },
      signal,
    )
    const dataMs = world.clock.monotonicMs()
    await statements(plan, 'large objects and sequences', plan.part.before, signal)
    await loadData(deps, plan, signal)
    await statements(plan, 'statistics', plan.part.after, signal)
    const postDataMs = world.clock.monotonicMs()
    progress.phase('making indexes, constraints and triggers')
    const parallel = `--jobs=${String(plan.request.jobs)}`
    await runPgRestore(
      plan.program,
      { what: 'what comes after the rows', args: [...usual, '--section=post-data', parallel, folder] },
      signal,
    )
    const endedMs = world.clock.monotonicMs()
    return { preDataMs: dataMs - begunMs, dataMs: postDataMs - dataMs, postDataMs: endedMs - postDataMs }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function usualArguments({ temporary, request, program, serverMajor }: RestoreDumpPlan): readonly string[] {
  return [
    `--dbname=${databaseArgument(temporary)}`,
    '--no-password',
    ...(takesAllSettings(program.version, serverMajor) ? ['--exit-on-error'] : []),
    ...(request.owner ? [] : ['--no-owner']),
    ...(request.privileges ? [] : ['--no-privileges']),
    ...(request.tablespaces ? [] : ['--no-tablespaces']),
  ]
}

/** Entries that are statements only, from a pipe. */
async function statements(
  plan: RestoreDumpPlan,
  what: string,
  entries: readonly TocEntry[],
  signal: AbortSignal,
): Promise<void> {
  if (entries.length === 0) return
  const archive = encodeArchive(miniArchive(plan.archive, entries))
  await runPgRestore(plan.program, { what, args: usualArguments(plan), archive: once(archive) }, signal)
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}

async function loadData(deps: RestoreDumpDeps, plan: RestoreDumpPlan, signal: AbortSignal): Promise<void> {
  const { data, archive, contents, database, request } = plan
  const args = usualArguments(plan)
  deps.progress.phase('restoring rows', plan.bytes)
  const readers: DumpReader[] = []
  const free: DumpReader[] = []
  const takeReader = (): DumpReader => {
    const reader = free.pop() ?? new DumpReader(deps.copies, deps.troubles)
    if (!readers.includes(reader)) readers.push(reader)
    return reader
  }
  const work = [
    ...data.largeObjects.map(entry => ({ entry, what: 'large objects' })),
    ...data.tasks.map(task => ({ task, what: whatOf(task.blocks.map(({ entry }) => entry)) })),
  ]
  try {
    await inParallel(
      work,
      request.jobs,
      async (one, stop) => {
        const reader = takeReader()
        const advance = (bytes: number): void => {
          deps.progress.advance(bytes)
        }
        const source = { archive, contents, shape: database.shape, reader, advance }
        const pieces =
          'task' in one ? taskArchive(source, one.task, stop) : largeObjectsArchive(source, one.entry, stop)
        await runPgRestore(plan.program, { what: one.what, args, archive: pieces }, stop)
        free.push(reader)
      },
      signal,
    )
  } finally {
    for (const reader of readers) reader[Symbol.dispose]()
  }
}

function whatOf(entries: readonly TocEntry[]): string {
  const [first] = entries
  const others = entries.length > 1 ? ` and ${String(entries.length - 1)} more tables` : ''
  return `the rows of ${first?.schema ?? ''}.${first?.tag ?? ''}${others}`
}
