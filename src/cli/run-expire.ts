/** `expire`: one repository after the other, each by its own rules. What is removed is shown first, and asked for. */
import { faultCatalogue, isFault, type Fault } from '../base/fault.ts'
import { expirePlace, planPlace, type ExpireDeps, type PlannedPlace } from '../operations/expire/expire.ts'
import { isRemoved } from '../operations/expire/plan.ts'
import { isArchiveName } from '../operations/sources/archive-name.ts'
import type { CommandContext } from './context.ts'
import { expiryJson, expiryText, removalLine, type NamedPlace } from './describe-expire.ts'
import { expireDeps, placesToExpire } from './expire-setup.ts'
import { letGoTrails } from './let-go-trails.ts'
import { usageFault } from './usage.ts'

export interface ExpireWords {
  readonly repository: string | undefined
  readonly without: readonly string[]
  readonly dryRun: boolean
  readonly yes: boolean
}

export async function runExpire(context: CommandContext, words: ExpireWords): Promise<number | undefined> {
  const { config } = await context.config()
  const names = placesToExpire(config, words.repository)
  if (!words.dryRun && !words.yes && !context.terminal.ask)
    throw usageFault(
      'nobody is here to ask',
      'Give --yes to remove what the plan says, or --dry-run to see it.',
    )
  const done: NamedPlace[] = []
  const failures: Fault[] = []
  for (const name of names) {
    try {
      const deps = await expireDeps(context, name, words.without)
      const place = await expireOne(context, name, deps, words)
      if (place) done.push(place)
    } catch (error) {
      context.signal.throwIfAborted()
      if (!isFault(error) || names.length === 1) throw error
      context.output.failure(error)
      failures.push(error)
      // Its archive is not asked for again.
    }
  }
  // Somebody who is asked was asked about backups.
  const isMeant = words.dryRun || words.yes
  const trouble = isMeant ? await letGoTrails(context, names, words) : undefined
  if (trouble) failures.push(trouble)
  context.output.result(done.map(expiryJson), () => done.map(expiryText).join('\n'))
  const [failure] = failures
  if (failure) return failure.exit
  return done.some(({ problems }) => problems.length > 0) ? faultCatalogue.FAILED.exit : undefined
}

async function expireOne(
  context: CommandContext,
  name: string,
  deps: ExpireDeps,
  { dryRun, yes }: ExpireWords,
): Promise<NamedPlace | undefined> {
  const { signal, world } = context
  const timeZone = deps.rules === 'archive' ? 'UTC' : deps.rules.timeZone
  const named = { name, timeZone, removed: undefined, settled: [], problems: [] }
  // An archive that nobody made is nothing to tell of.
  const isNothing = ({ items, wal, unfinished }: PlannedPlace): boolean =>
    isArchiveName(name) && items.length + wal.length + unfinished.length === 0
  if (dryRun || !yes || isArchiveName(name)) {
    const plan = await planPlace(deps, signal)
    if (isNothing(plan)) return undefined
    if (dryRun) return { ...named, ...plan, nowMs: world.clock.now() }
    if (!yes)
      return { ...named, ...(await askAndExpire(context, name, deps, plan)), nowMs: world.clock.now() }
  }
  return { ...named, ...(await expirePlace(deps, undefined, signal)), nowMs: world.clock.now() }
}

/** Nothing but what was shown goes, however long it took to answer. */
async function askAndExpire(
  { terminal, output, signal }: CommandContext,
  name: string,
  deps: ExpireDeps,
  plan: PlannedPlace,
): Promise<PlannedPlace> {
  const goes = removalLine(plan)
  if (goes === undefined && plan.unsettled.length === 0) return plan
  for (const { id } of plan.items.filter(isRemoved)) output.note(`  ${id}`)
  const answer = await terminal.ask?.(
    `${name}: remove ${goes ?? 'what an earlier run began to remove'}? [y/N] `,
  )
  if (!/^y(es)?$/i.test(answer ?? '')) {
    output.note(`${name}: nothing was removed`)
    return plan
  }
  return expirePlace(deps, plan, signal)
}
