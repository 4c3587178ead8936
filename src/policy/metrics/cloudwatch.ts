/** Metrics as CloudWatch takes them. Decides only. */
import { metricCatalogue } from './catalogue.ts'
import type { Metric } from './metric.ts'
import type { Sample } from './sample.ts'

export interface Datum {
  readonly name: string
  readonly unit: 'Bytes' | 'Seconds' | 'Count' | 'None'
  readonly value: number
  /** In order; the same ones are the same series. */
  readonly dimensions: readonly (readonly [name: string, value: string])[]
}

const unitOf: Readonly<Record<Metric['unit'], Datum['unit']>> = {
  bytes: 'Bytes',
  seconds: 'Seconds',
  timestamp: 'Seconds',
  number: 'Count',
  state: 'None',
}

/** `dimensions` are what the configuration says besides: an environment, a team. A moment becomes its age. */
export function cloudwatchData(
  samples: readonly Sample[],
  {
    cluster,
    dimensions,
    nowMs,
  }: {
    readonly cluster: string
    readonly dimensions: Readonly<Record<string, string>>
    readonly nowMs: number
  },
): readonly Datum[] {
  return samples.flatMap(({ name, labels, value }) => {
    const { cloudwatch, unit } = metricCatalogue[name]
    if (cloudwatch === undefined) return []
    const own = Object.entries(labels).map(([label, text]) => [pascal(label), text] as const)
    const all = [...Object.entries(dimensions), ['Cluster', cluster] as const, ...own]
    return {
      name: cloudwatch,
      unit: unitOf[unit],
      value: unit === 'timestamp' ? Math.max(0, nowMs / 1000 - value) : value,
      // A dimension without a value is refused.
      dimensions: all.filter(([, text]) => text !== ''),
    }
  })
}

const pascal = (label: string): string =>
  label.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())
