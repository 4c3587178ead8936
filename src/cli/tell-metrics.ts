/** `holdfast metrics`: gathers once, and prints or writes. */
import { resolve } from 'node:path'
import { prometheusText } from '../policy/metrics/prometheus.ts'
import type { CommandContext } from './context.ts'
import { gatherMetrics } from './gather-metrics.ts'
import { replaceFile } from './replace-file.ts'

interface Given {
  readonly output: string | undefined
}

export async function tellMetrics(context: CommandContext, given: Given): Promise<void> {
  const { cluster } = (await context.config()).config
  const samples = await gatherMetrics(context)
  const { text } = await prometheusText(samples, { cluster })
  const path = given.output === undefined ? undefined : resolve(given.output)
  if (path !== undefined) await replaceFile(path, text)
  context.output.result({ cluster, samples, ...(path === undefined ? {} : { written: path }) }, () =>
    path === undefined ? text : '',
  )
}
