/** Carries a drill out and keeps its report. */
import { openHostKey } from '../operations/drill/report/host-key.ts'
import { keepDrill } from '../operations/drill/report/keep-drill.ts'
import { runDrill } from '../operations/drill/run.ts'
import { clearLeftScratch, type LeftScratch } from '../operations/scratch/scratch-folder.ts'
import { findDrill, readDrillFile, readDrills } from '../repository/drill-catalog.ts'
import { parseDrillReport } from '../repository/format/drill-json.ts'
import type { DrillReport, DrillSummary } from '../repository/format/drill-record.ts'
import { isFault } from '../base/fault.ts'
import type { CommandContext, OpenRepository } from './context.ts'
import type { DrillWords, Past } from './drill-choice.ts'
import { hostKeyPathOf } from './drill-keys.ts'
import { scratchPlace, setUpDrill } from './drill-setup.ts'

export async function cleanLeft(
  context: CommandContext,
  scratchDir: string | undefined,
): Promise<readonly LeftScratch[]> {
  const place = await scratchPlace(context, scratchDir)
  return clearLeftScratch({ place, purpose: 'drill' }, context.world)
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
  await keepDrill(home, report, { key, history: past.drills }, signal)
  return report
}

/** Where reports are kept: the first repository that is not filled from another one, whichever was drilled. */
async function openHome(context: CommandContext): Promise<OpenRepository> {
  const { config } = await context.config()
  const own = Object.entries(config.repositories).find(([, { copyOf }]) => copyOf === undefined)
  return context.openRepository(own?.[0])
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
