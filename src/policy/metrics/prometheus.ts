/** Metrics as Prometheus reads them, in its own format or in OpenMetrics. */
import { Counter, Gauge, Registry, type RegistryContentType } from 'prom-client'
import { metricCatalogue, type MetricName } from './catalogue.ts'
import type { Sample } from './sample.ts'

export interface MetricsText {
  readonly contentType: string
  readonly text: string
}

export type MetricsFormat = 'prometheus' | 'openmetrics'

/** `labels` stand on every line: they tell one cluster from another where many are read. */
export async function prometheusText(
  samples: readonly Sample[],
  labels: Readonly<Record<string, string>>,
  format: MetricsFormat = 'prometheus',
): Promise<MetricsText> {
  const registry = new Registry<RegistryContentType>()
  registry.setContentType(
    format === 'openmetrics' ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE,
  )
  registry.setDefaultLabels(labels)
  for (const [name, some] of inOrder(samples)) {
    const { type, help, labels: labelNames } = metricCatalogue[name]
    const description = { name, help, labelNames, registers: [registry] }
    if (type === 'counter') {
      const counter = new Counter(description)
      for (const { labels: own, value } of some) counter.inc(own, value)
    } else {
      const gauge = new Gauge(description)
      for (const { labels: own, value } of some) gauge.set(own, value)
    }
  }
  return { contentType: registry.contentType, text: await registry.metrics() }
}

/** As the catalogue has them, so that two answers can be compared. */
function inOrder(samples: readonly Sample[]): readonly (readonly [MetricName, readonly Sample[]])[] {
  const given = Map.groupBy(samples, ({ name }) => name)
  return (Object.keys(metricCatalogue) as MetricName[]).flatMap(name => {
    const some = given.get(name)
    return some ? [[name, some] as const] : []
  })
}
