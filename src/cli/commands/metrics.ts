/** `holdfast metrics` */
import { defineCommand, flag, value } from '../command.ts'
import { asText } from '../usage.ts'

export const metrics = defineCommand({
  words: ['metrics'],
  summary: 'Print what monitoring wants to know, once, as Prometheus reads it.',
  description:
    'Looks at all repositories as `holdfast status` does, asks the agent of this host about its jobs when it answers, and prints ' +
    'the values. For those who have no agent that is scraped: with `--output`, a file for the textfile collector of node_exporter, ' +
    'which sees the old one or the new one, and never half of one. docs/metrics.md tells more; docs/reference/metrics.md lists them.',
  arguments: {},
  options: {
    output: value(
      'FILE',
      asText,
      'Write them there instead, readable for all; its name ends in `.prom` for node_exporter.',
    ),
    cloudwatch: flag(
      'Also send them to CloudWatch, as `metrics.cloudwatch` says. An agent does so by itself.',
    ),
  },
  examples: [
    { command: 'holdfast metrics', doc: 'What is there to know?' },
    {
      command: 'holdfast metrics --output /var/lib/prometheus/node-exporter/holdfast.prom',
      doc: 'From a timer, every five minutes.',
    },
  ],
  async run(context, given) {
    const { tellMetrics } = await import('../tell-metrics.ts')
    await tellMetrics(context, given)
    return undefined
  },
})
