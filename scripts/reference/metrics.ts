/** docs/reference/metrics.md, from the catalogue of metrics. */
import { metricCatalogue } from '../../src/policy/metrics/catalogue.ts'
import type { Metric } from '../../src/policy/metrics/metric.ts'
import { generatedNote, page, table } from './markdown.ts'

export function metricsPage(): string {
  return page(
    '# Metrics',
    generatedNote,
    'How they are read is in [docs/metrics.md](../metrics.md). Each has the label `cluster` besides those below. ' +
      'What is not known is left out, and never told as 0.',
    '## Of the repositories',
    'Told by `holdfast metrics` and by an agent.',
    tableOf('repositories'),
    '## Of the agent and its jobs',
    'Told by an agent, and by `holdfast metrics` where one answers.',
    tableOf('agent'),
  )
}

function tableOf(from: Metric['from']): string {
  const rows = Object.entries(metricCatalogue)
    .filter(([, metric]) => metric.from === from)
    .map(([name, { type, labels, cloudwatch, help }]) => [
      `\`${name}\``,
      type,
      labels.map(label => `\`${label}\``).join(', '),
      cloudwatch === undefined ? '' : `\`${cloudwatch}\``,
      help,
    ])
  return table(['Name', 'Type', 'Labels', 'In CloudWatch', 'What'], rows)
}
