/** From the command line to the copies of a dump, and to what of it has to be thawed before it can be read. */
import { isFault } from '../base/fault.ts'
import { sameCopies } from '../operations/restore-dump/same-copies.ts'
import { readAllDumps, readDumpCopies, type DumpCopy, type KnownDump } from '../operations/sources/dumps.ts'
import type { ClosedSource } from '../operations/sources/source.ts'
import type { TroubleLog } from '../operations/sources/trouble.ts'
import { coldNeedsOfDump, coldNeedsOfWholeDump, type DumpPart } from '../operations/thaw/dump-needs.ts'
import type { ColdNeed } from '../operations/thaw/restore-needs.ts'
import { planThaw, thaw, type ThawPlan } from '../operations/thaw/thaw.ts'
import { builtInPrices } from '../policy/cost/prices.ts'
import type { ThawSpeed } from '../storage/second-ports.ts'
import type { CommandContext } from './context.ts'
import { mustThaw, thawLines } from './describe-thaw.ts'
import { chooseDump } from './find-dump.ts'
import { pricesFor } from './prices-file.ts'
import { openSources } from './sources.ts'
import { listingOf } from './table.ts'

/** What was given on the command line. */
export interface DumpWords {
  readonly id: string
  readonly repository: string | undefined
  readonly without: readonly string[]
  readonly asOf: number | undefined
  readonly thaw: ThawSpeed | undefined
  /** Nothing is to be done, and so nothing to be thawed. */
  readonly plan?: boolean | undefined
}

export interface OpenedDump {
  /** Of the very same dump. */
  readonly copies: readonly DumpCopy[]
  readonly record: DumpCopy['record']
  /** Repositories that could not be opened. */
  readonly closed: readonly ClosedSource[]
}

export async function openDump(
  context: CommandContext,
  words: DumpWords,
  troubles: TroubleLog,
): Promise<OpenedDump> {
  const { signal } = context
  const { repository, without, asOf: asOfMs } = words
  const choice = { repository, without, asOfMs, archives: true }
  const sources = await openSources(context, choice, { keys: true })
  const { dumps, closed } = await readAllDumps(sources.open, signal)
  const known = chooseDump(dumps, words.id)
  const read = await readDumpCopies(known, troubles, signal).catch(async (error: unknown) => {
    if (!isFault(error, 'OBJECT_COLD')) throw error
    await thawWhole(context, words, known)
    return readDumpCopies(known, troubles, signal)
  })
  return { copies: sameCopies(read), record: read[0].record, closed: [...sources.closed, ...closed] }
}

/** Not even its record can be read. */
async function thawWhole(context: CommandContext, words: DumpWords, known: KnownDump): Promise<void> {
  const cold = await coldNeedsOfWholeDump(known, context.signal)
  const plan = await planFor(context, words, cold, known.summary.durationMs)
  if (plan && words.plan === true) throw mustThaw(plan)
  if (plan) await tellAndThaw(context, words, plan)
}

/** Undefined: that part of it can be read at once. */
export async function thawPlanOf(
  context: CommandContext,
  words: Pick<DumpWords, 'thaw'>,
  { copies, record }: OpenedDump,
  part: DumpPart,
): Promise<ThawPlan | undefined> {
  return planFor(context, words, await coldNeedsOfDump(copies, part, context.signal), record.durationMs)
}

/** `thawFirst` where no plan tells what it takes. */
export async function tellAndThaw(
  context: CommandContext,
  words: Pick<DumpWords, 'thaw'>,
  plan: ThawPlan,
): Promise<void> {
  if (words.thaw !== undefined) context.output.note(listingOf(thawLines(plan)).trimEnd())
  await thawFirst(context, words, plan)
}

/** Waits for hours, if it was asked to. OBJECT_COLD when it was not. */
export async function thawFirst(
  context: CommandContext,
  words: Pick<DumpWords, 'thaw'>,
  plan: ThawPlan,
): Promise<void> {
  if (words.thaw === undefined) throw mustThaw(plan)
  await thaw(context, plan, context.signal)
}

/** A restore is expected to take as long as the dump did. */
async function planFor(
  context: CommandContext,
  words: Pick<DumpWords, 'thaw'>,
  cold: readonly ColdNeed[],
  restoreMs: number,
): Promise<ThawPlan | undefined> {
  const { config, path } = await context.config()
  const prices = cold.length === 0 ? builtInPrices : await pricesFor(config.prices, path)
  return planThaw(cold, { speed: words.thaw ?? 'standard', prices, restoreMs })
}
