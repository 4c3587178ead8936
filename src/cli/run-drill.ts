/** Carries a drill out and keeps its report. */
import { openHostKey } from '../operations/drill/report/host-key.ts'
import { keepDrill } from '../operations/drill/report/keep-drill.ts'
import { runDrill } from '../operations/drill/run.ts'
import { clearLeftScratch, type LeftScratch } from '../operations/scratch/scratch-folder.ts'
import { findDrill, readDrillFile, readDrills } from '../repository/drill-catalog.ts'
import { parseDrillReport } from '../repository/format/drill-json.ts'
import type { DrillReport, DrillSummary } from '../repository/format/drill-record.ts'
import { isFault, type Fault } from '../base/fault.ts'
import type { CommandContext, OpenRepository } from './context.ts'
import type { DrillWords, Past } from './drill-choice.ts'
import { hostKeyPathOf } from './drill-keys.ts'
import { scratchPlace, setUpDrill, volumeDiscarder } from './drill-setup.ts'
import { openInTime } from './sources.ts'

export async function cleanLeft(
  context: CommandContext,
  scratchDir: string | undefined,
): Promise<readonly LeftScratch[]> {
  const place = await scratchPlace(context, scratchDir)
  return clearLeftScratch({ place, purpose: 'drill', discard: volumeDiscarder(context) }, context.world)
}

export async function drillAndKeep(context: CommandContext, words: DrillWords): Promise<DrillReport> {
  const { signal } = context
  const home = await openHome(context)
  const past = await readPast(context, home)
  const { deps, request } = await setUpDrill(context, words, { home, past })
  const { config } = await context.config()
  // Before the drill, so that none is in vain for want of it.
  const key = await openHostKey(await hostKeyPathOf(config, context.terminal), context.world)
  const report = await runDrill(deps, request, signal)
  return await keepDrill(home, report, { key, history: past.drills }, signal)
}

/**
 * Where reports are kept: the first repository that is not filled from another one, whichever was drilled. When that is out of
 * reach, the next one that is not: a drill while a region is lost is worth most.
 */
async function openHome(context: CommandContext): Promise<OpenRepository> {
  const { openRepository, world, output, signal } = context
  const { repositories } = (await context.config()).config
  const isCopy = (name: string): number => Number(repositories[name]?.copyOf !== undefined)
  const names = Object.keys(repositories).toSorted((a, b) => isCopy(a) - isCopy(b))
  if (names.length === 1) return openRepository()
  let failure: Fault | undefined
  for (const name of names) {
    try {
      const home = await openInTime(name, world.clock, openRepository)
      if (failure) output.warn(`the report is kept in ${name}: ${failure.message}`)
      return home
    } catch (error) {
      signal.throwIfAborted()
      if (!isFault(error)) throw error
      failure ??= error
    }
  }
  throw failure ?? new Error('assertion failed: a configuration has a repository')
}

/** A report of the past that can not be read is no reason not to drill. */
async function readPast(
  { signal, output }: CommandContext,
  { repository, identities }: OpenRepository,
): Promise<Past> {
  const { drills } = await readDrills(repository, signal)
  const newest = drills.findLast(({ source, rto }) => source.backup !== null && rto.actualMs !== null)
  return { drills, last: newest && (await readLast(newest)) }

  async function readLast({ id }: DrillSummary): Promise<DrillReport | undefined> {
    try {
      const record = await findDrill(repository, id, signal)
      return (
        record &&
        parseDrillReport(await readDrillFile(repository, record, 'report', await identities(), signal), id)
      )
    } catch (error) {
      if (!isFault(error)) throw error
      output.warn(`the report of ${id} can not be compared with: ${error.message}`)
      return undefined
    }
  }
}
