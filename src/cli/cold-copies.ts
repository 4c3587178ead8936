/** What a copy left where it is because it lies in a cold storage class: told, and thawed first when that is asked for. */
import type { CopyDeps, CopyOptions } from '../operations/copy/copy.ts'
import { copyRepository } from '../operations/copy/copy.ts'
import type { CopyReport } from '../operations/copy/report.ts'
import type { ThawPlan } from '../operations/thaw/thaw.ts'
import type { ThawSpeed } from '../storage/second-ports.ts'
import type { CommandContext } from './context.ts'
import { tellAndThaw, thawPlanFor } from './thaw-first.ts'

/** What it takes to copy the rest as well; undefined: nothing is cold. */
export async function thawPlanOfCopy(
  context: CommandContext,
  { from }: Pick<CopyDeps, 'from'>,
  { cold }: Pick<CopyReport, 'cold'>,
  thaw?: ThawSpeed,
): Promise<ThawPlan | undefined> {
  const objects = cold.flatMap(part => part.objects)
  if (objects.length === 0) return undefined
  const { description: storage } = await context.describePlace(from.name)
  const source = { name: from.name, repository: from.repository, storage }
  const needs = objects.map(object => ({ ...object, source }))
  return thawPlanFor(context, { thaw }, needs, 0)
}

/** A record that was thawed may name more that is cold, so it looks again until everything can be read. */
export async function thawBeforeCopy(
  context: CommandContext,
  deps: CopyDeps,
  options: CopyOptions,
  speed: ThawSpeed,
): Promise<void> {
  for (;;) {
    const wanted = await copyRepository(deps, { ...options, dryRun: true }, context.signal)
    const plan = await thawPlanOfCopy(context, deps, wanted, speed)
    if (!plan) return
    await tellAndThaw(context, { thaw: speed }, plan)
  }
}
