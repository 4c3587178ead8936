/** `copy`, once: one pair of repositories after the other. */
import { faultCatalogue, isFault, type Fault } from '../base/fault.ts'
import { copyRepository, type CopyOptions } from '../operations/copy/copy.ts'
import type { CopyReport } from '../operations/copy/report.ts'
import type { CommandContext } from './context.ts'
import type { CopyPair } from './copy-pairs.ts'
import { keptBy, openCopy } from './copy-setup.ts'
import { copyText } from './describe-copy.ts'
import { lockAfter } from './lock-after.ts'

/** A pair that fails does not keep the others from being copied; when there is only one, its fault is the command's. */
export async function runCopies(
  context: CommandContext,
  pairs: readonly CopyPair[],
  options: CopyOptions,
): Promise<number | undefined> {
  const reports: CopyReport[] = []
  const failures: Fault[] = []
  for (const pair of pairs) {
    try {
      reports.push(
        await copyRepository(
          await openCopy(context, pair),
          await keptBy(context, pair.to, options),
          context.signal,
        ),
      )
      const unlocked = options.dryRun ? undefined : await lockAfter(context, pair.to, { allWal: true })
      if (unlocked) failures.push(unlocked)
    } catch (error) {
      context.signal.throwIfAborted()
      if (!isFault(error) || pairs.length === 1) throw error
      context.output.failure(error)
      failures.push(error)
    }
  }
  context.output.result(reports, () => reports.map(copyText).join('\n'))
  const isWhole = failures.length === 0 && reports.every(({ problems }) => problems.length === 0)
  return isWhole ? undefined : faultCatalogue.REPOSITORY_BEHIND.exit
}
