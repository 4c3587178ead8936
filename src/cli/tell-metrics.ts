/** `holdfast metrics`: gathers once, and prints or writes. */
import { resolve } from 'node:path'
import type { Fault } from '../base/fault.ts'
import type { CloudwatchConfig } from '../config/metrics.ts'
import { prometheusText } from '../policy/metrics/prometheus.ts'
import type { Sample } from '../policy/metrics/sample.ts'
import type { CommandContext } from './context.ts'
import { gatherMetrics } from './gather-metrics.ts'
import { replaceFile } from './replace-file.ts'
import { usageFault } from './usage.ts'

interface Given {
  readonly output: string | undefined
  readonly cloudwatch: boolean
}

export async function tellMetrics(context: CommandContext, given: Given): Promise<void> {
  const {
    config: { cluster, metrics },
    path: configPath,
  } = await context.config()
  const { cloudwatch } = metrics
  if (given.cloudwatch && !cloudwatch) throw notConfigured()
  const samples = await gatherMetrics(context)
  const { text } = await prometheusText(samples, { cluster })
  const path = given.output === undefined ? undefined : resolve(given.output)
  if (path !== undefined) await replaceFile(path, text)
  context.output.result({ cluster, samples, ...(path === undefined ? {} : { written: path }) }, () =>
    path === undefined ? text : '',
  )
  // What was seen is told whatever comes of this.
  if (given.cloudwatch && cloudwatch) await send(context, samples, { cluster, cloudwatch, configPath })
}

async function send(
  { world, terminal, signal, output }: CommandContext,
  samples: readonly Sample[],
  {
    cluster,
    cloudwatch,
    configPath,
  }: { readonly cluster: string; readonly cloudwatch: CloudwatchConfig; readonly configPath: string },
): Promise<void> {
  const [{ putMetrics }, { cloudwatchAccess }, { cloudwatchData }] = await Promise.all([
    import('../operations/cloudwatch/put-metrics.ts'),
    import('../operations/cloudwatch/access.ts'),
    import('../policy/metrics/cloudwatch.ts'),
  ])
  const { namespace, dimensions } = cloudwatch
  const data = cloudwatchData(samples, { cluster, dimensions, nowMs: world.clock.now() })
  const access = await cloudwatchAccess(cloudwatch, configPath, terminal.environment, signal)
  await putMetrics({ namespace, data }, access, world, signal)
  output.note(`sent ${String(data.length)} values to CloudWatch, namespace ${namespace}`)
}

const notConfigured = (): Fault =>
  usageFault(
    '--cloudwatch, and the configuration says nothing of CloudWatch',
    'State a namespace: `metrics: { cloudwatch: { namespace: Company/Backups } }`.',
  )
