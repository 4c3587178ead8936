/** `copy`, once: one pair of repositories after the other. */
import { faultCatalogue, isFault, type Fault } from '../base/fault.ts'
import { copyRepository, type CopyOptions } from '../operations/copy/copy.ts'
import type { ThawSpeed } from '../storage/second-ports.ts'
import { thawBeforeCopy, thawPlanOfCopy } from './cold-copies.ts'
import type { CommandContext } from './context.ts'
import type { CopyPair } from './copy-pairs.ts'
import { keptBy, openCopy } from './copy-setup.ts'
import { copyRecord, copyText, type CopyOutcome } from './describe-copy.ts'
import { lockAfter } from './lock-after.ts'

/** A pair that fails does not keep the others from being copied; when there is only one, its fault is the command's. */
export async function runCopies(
  context: CommandContext,
  pairs: readonly CopyPair[],
  options: CopyOptions & { readonly thaw: ThawSpeed | undefined },
): Promise<number | undefined> {
  const outcomes: CopyOutcome[] = []
  const failures: Fault[] = []
  for (const pair of pairs) {
    try {
      outcomes.push(await copyPair(context, pair, options))
      const unlocked = options.dryRun ? undefined : await lockAfter(context, pair.to, { allWal: true })
      if (unlocked) failures.push(unlocked)
    } catch (error) {
      context.signal.throwIfAborted()
      if (!isFault(error) || pairs.length === 1) throw error
      context.output.failure(error)
      failures.push(error)
    }
  }
  context.output.result(outcomes.map(copyRecord), () => outcomes.map(copyText).join('\n'))
  const isWhole =
    failures.length === 0 &&
    outcomes.every(({ report: { problems, cold } }) => problems.length + cold.length === 0)
  return isWhole ? undefined : faultCatalogue.REPOSITORY_BEHIND.exit
}

async function copyPair(
  context: CommandContext,
  pair: CopyPair,
  { thaw, ...given }: Parameters<typeof runCopies>[2],
): Promise<CopyOutcome> {
  const deps = await openCopy(context, pair)
  const options = await keptBy(context, pair.to, given)
  if (thaw !== undefined) await thawBeforeCopy(context, deps, options, thaw)
  const report = await copyRepository(deps, options, context.signal)
  return { report, thaw: await thawPlanOfCopy(context, deps, report) }
}
