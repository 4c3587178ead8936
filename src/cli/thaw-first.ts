/** What has to be thawed before it can be read: planned, told, asked for and waited for, if the user said so. */
import type { ColdNeed } from '../operations/thaw/restore-needs.ts'
import { planThaw, thaw, type ThawPlan } from '../operations/thaw/thaw.ts'
import { builtInPrices } from '../policy/cost/prices.ts'
import type { ThawSpeed } from '../storage/second-ports.ts'
import type { CommandContext } from './context.ts'
import { mustThaw, thawLines } from './describe-thaw.ts'
import { pricesFor } from './prices-file.ts'
import { listingOf } from './table.ts'

/** What was given on the command line. */
export interface ThawWords {
  readonly thaw: ThawSpeed | undefined
  /** Nothing is to be done, and so nothing to be thawed. */
  readonly plan?: boolean | undefined
}

/** Undefined: all of it can be read at once. It is to stay readable for as long as the restore is expected to take. */
export async function thawPlanFor(
  context: CommandContext,
  words: ThawWords,
  cold: readonly ColdNeed[],
  restoreMs: number,
): Promise<ThawPlan | undefined> {
  const { config, path } = await context.config()
  const prices = cold.length === 0 ? builtInPrices : await pricesFor(config.prices, path)
  return planThaw(cold, { speed: words.thaw ?? 'standard', prices, restoreMs })
}

/** Where not even the plan can be made without it. OBJECT_COLD when it was not asked for. */
export async function thawToRead(
  context: CommandContext,
  words: ThawWords,
  cold: readonly ColdNeed[],
  restoreMs: number,
): Promise<void> {
  const plan = await thawPlanFor(context, words, cold, restoreMs)
  if (plan && words.plan === true) throw mustThaw(plan)
  if (plan) await tellAndThaw(context, words, plan)
}

/** `thawFirst` where no plan tells what it takes. */
export async function tellAndThaw(
  context: CommandContext,
  words: Pick<ThawWords, 'thaw'>,
  plan: ThawPlan,
): Promise<void> {
  if (words.thaw !== undefined) context.output.note(listingOf(thawLines(plan)).trimEnd())
  await thawFirst(context, words, plan)
}

/** Waits for hours, if it was asked to. OBJECT_COLD when it was not. */
export async function thawFirst(
  context: CommandContext,
  words: Pick<ThawWords, 'thaw'>,
  plan: ThawPlan,
): Promise<void> {
  if (words.thaw === undefined) throw mustThaw(plan)
  await thaw(context, plan, context.signal)
}
