/** Decides whether the promise of how long the return takes holds, by what drills took. Touches nothing. */
import { formatDuration } from '../../base/units.ts'
import { findingOf, type StatusFinding } from '../../policy/findings/finding.ts'
import { forecastRto, type RtoForecast, type Way } from '../../policy/rto/forecast-rto.ts'
import type { SeenPlace } from './facts.ts'

type Known = Pick<SeenPlace, 'backups' | 'dumps' | 'drills'>

/** Of the newest full backup, or else the newest dump; drills of any repository tell of the hardware. */
export function forecastFrom(places: readonly Known[]): RtoForecast | undefined {
  const drills = new Map(places.flatMap(place => place.drills.map(drill => [drill.id, drill] as const)))
  const backups = places.flatMap(place => place.backups.filter(({ kind }) => kind === 'full'))
  const dumps = places.flatMap(place => place.dumps ?? [])
  const [newest, way]: [Sized | undefined, Way] =
    backups.length > 0 ? [newestOf(backups), 'base backup'] : [newestOf(dumps), 'dump']
  if (!newest) return undefined
  const { rawBytes, storedBytes } = newest.sizes
  return forecastRto([...drills.values()], { rawBytes, storedBytes }, way)
}

interface Sized {
  readonly endedAt: string
  readonly sizes: { readonly rawBytes: number; readonly storedBytes: number }
}

function newestOf(all: readonly Sized[]): Sized | undefined {
  return all.toSorted((a, b) => Date.parse(a.endedAt) - Date.parse(b.endedAt)).at(-1)
}

export function ofRto(
  forecast: RtoForecast | undefined,
  targetMs: number | undefined,
): readonly StatusFinding[] {
  if (!forecast || targetMs === undefined) return []
  const { expectedMs, slowestMs, basis } = forecast
  const target = formatDuration(targetMs)
  const drills = basis.length === 1 ? 'the last drill' : `the last ${String(basis.length)} drills`
  const told = { repository: null, fix: fixOf(forecast) }
  if (expectedMs > targetMs)
    return [
      findingOf('rto-over-target', {
        ...told,
        state: 'critical',
        message: `by ${drills}, the return would take ${formatDuration(expectedMs)}: more than the RTO of ${target}`,
      }),
    ]
  if (slowestMs <= targetMs) return []
  return [
    findingOf('rto-over-target', {
      ...told,
      state: 'warning',
      message: `by the slowest of ${drills}, the return would take ${formatDuration(slowestMs)}: more than the RTO of ${target}`,
    }),
  ]
}

function fixOf({ phases }: RtoForecast): string {
  const longest = phases.reduce((most, phase) => (phase.expectedMs > most.expectedMs ? phase : most))
  return `Most of it is ${longest.name} (${formatDuration(longest.expectedMs)}); the page says what makes that faster. Then run \`holdfast drill\`.`
}
