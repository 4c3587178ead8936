/** One value of a metric, with its labels. */
import { parseTime } from '../../wal/time.ts'
import { isMetricName, metricCatalogue, type LabelOf, type MetricName } from './catalogue.ts'

export interface Sample {
  readonly name: MetricName
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** None where there is no value: what is not known is left out, and never told as 0. */
export function sample<Name extends MetricName>(
  name: Name,
  labels: Readonly<Record<LabelOf<Name>, string>>,
  value: number | boolean | null | undefined,
): readonly Sample[] {
  const number = Number(value)
  return value === null || value === undefined || !Number.isFinite(number)
    ? []
    : [{ name, labels, value: number }]
}

/** ISO 8601 (with microseconds, perhaps) as seconds since 1970. */
export function secondsOf(time: string | null | undefined): number | undefined {
  const micros = parseTime(time ?? '')
  return micros === undefined ? undefined : micros / 1e6
}

/** What another process of this program printed; what is none of it is left out. */
export function samplesIn(value: unknown): readonly Sample[] {
  return Array.isArray(value) ? value.filter(isSample) : []
}

function isSample(value: unknown): value is Sample {
  if (typeof value !== 'object' || value === null) return false
  const { name, labels, value: number } = value as Readonly<Record<string, unknown>>
  if (typeof name !== 'string' || !isMetricName(name) || typeof number !== 'number') return false
  if (typeof labels !== 'object' || labels === null) return false
  const known = labels as Readonly<Record<string, unknown>>
  return metricCatalogue[name].labels.every(label => typeof known[label] === 'string')
}
