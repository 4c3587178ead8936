/** `copy --watch`: all pairs at the same time, until the signal. */
import type { CopyOptions } from '../operations/copy/copy.ts'
import { watchCopy } from '../operations/copy/watch.ts'
import { thawPlanOfCopy } from './cold-copies.ts'
import type { CommandContext } from './context.ts'
import type { CopyPair } from './copy-pairs.ts'
import { keptBy, openCopy } from './copy-setup.ts'
import { copyRecord, copyText } from './describe-copy.ts'
import { lockAfter } from './lock-after.ts'

/** Being told to stop is how it ends: no failure. What can not be mended by waiting ends all of them. */
export async function watchCopies(
  context: CommandContext,
  pairs: readonly CopyPair[],
  options: Pick<CopyOptions, 'wal' | 'backups' | 'dumps'>,
): Promise<undefined> {
  const failed = new AbortController()
  const signal = AbortSignal.any([context.signal, failed.signal])
  const { output } = context
  const watchOne = async (pair: CopyPair): Promise<void> => {
    try {
      const deps = await openCopy(context, pair)
      output.note(`watching "${pair.from}" for "${pair.to}"`)
      await watchCopy(
        {
          ...deps,
          async onCopied(report) {
            const outcome = { report, thaw: await thawPlanOfCopy(context, deps, report) }
            output.result(copyRecord(outcome), () => copyText(outcome))
            // WAL is locked as it is written; what a new backup changes for what is older is done here.
            if (report.copied.backups.length + report.copied.dumps.length > 0)
              await lockAfter(context, pair.to, { allWal: true })
          },
          onTrouble: fault => {
            output.warn(`${pair.from} → ${pair.to}: ${fault.message}; trying again`)
          },
        },
        await keptBy(context, pair.to, options),
        signal,
      )
    } catch (error) {
      failed.abort(error)
      if (!context.signal.aborted) throw error
    }
  }
  await Promise.all(pairs.map(watchOne))
  return undefined
}
