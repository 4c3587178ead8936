/** Decides whether the promise of how long the return takes holds, by what drills took. Touches nothing. */
import { formatDuration } from '../../base/units.ts'
import { findingOf, type StatusFinding } from '../../policy/findings/finding.ts'
import type { PriceTable } from '../../policy/cost/prices.ts'
import { forecastRto, withThaw, type RtoForecast } from '../../policy/rto/forecast-rto.ts'
import { newestWay, thawTime, type ThawTime } from '../thaw/cold-newest.ts'
import type { SeenPlace } from './facts.ts'

type Known = Pick<SeenPlace, 'backups' | 'dumps' | 'drills'>

/** Of the newest full backup, or else the newest dump; drills of any repository tell of the hardware. */
export function forecastFrom(places: readonly Known[], thaw?: ThawTime): RtoForecast | undefined {
  const drills = new Map(places.flatMap(place => place.drills.map(drill => [drill.id, drill] as const)))
  const { full, dump } = newestIn(places)
  const newest = full ?? dump
  if (!newest) return undefined
  const { rawBytes, storedBytes } = newest.sizes
  const forecast = forecastRto([...drills.values()], { rawBytes, storedBytes }, full ? 'base backup' : 'dump')
  return forecast && thaw ? withThaw(forecast, thaw) : forecast
}

const newestIn = (places: readonly Pick<Known, 'backups' | 'dumps'>[]) =>
  newestWay({
    backups: places.flatMap(({ backups }) => backups),
    dumps: places.flatMap(({ dumps = [] }) => dumps),
  })

/** How long a thaw of what the forecast is about takes. Undefined where some repository has it where it is read at once. */
export function thawOf(
  places: readonly Pick<SeenPlace, 'backups' | 'dumps' | 'cold' | 'place'>[],
  table: PriceTable,
): ThawTime | undefined {
  const { full, dump } = newestIn(places)
  const id = (full ?? dump)?.id
  const holders = places.filter(({ backups, dumps = [] }) =>
    [...backups, ...dumps].some(one => one.id === id),
  )
  const times = holders.map(({ cold, place: { url } }) =>
    cold && cold.id === id ? thawTime(table, url, cold) : undefined,
  )
  return times.some(time => time === undefined) ? undefined : times[0]
}

export function ofRto(
  forecast: RtoForecast | undefined,
  targetMs: number | undefined,
  thaw?: ThawTime,
): readonly StatusFinding[] {
  if (targetMs === undefined) return []
  if (!forecast) return ofThawAlone(thaw, targetMs)
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

/** Before any drill. */
function ofThawAlone(thaw: ThawTime | undefined, targetMs: number): readonly StatusFinding[] {
  if (!thaw || thaw.mostMs <= targetMs) return []
  const [least, most, target] = [thaw.leastMs, thaw.mostMs, targetMs].map(ms => formatDuration(ms))
  return [
    findingOf('rto-over-target', {
      state: thaw.leastMs > targetMs ? 'critical' : 'warning',
      repository: null,
      message: `the newest backup lies in a cold storage class, and to thaw it takes ${least ?? ''} to ${most ?? ''}: more than the RTO of ${target ?? ''}`,
      fix: thawFix,
    }),
  ]
}

const thawFix =
  'Take a backup (`holdfast backup`), and take what is new out of the rules that move it: what is to be cold is for the archive (docs/archive.md).'

function fixOf({ phases }: RtoForecast): string {
  const longest = phases.reduce((most, phase) => (phase.expectedMs > most.expectedMs ? phase : most))
  if (longest.name === 'thaw')
    return `Most of it is the thaw (${formatDuration(longest.expectedMs)}). ${thawFix}`
  return `Most of it is ${longest.name} (${formatDuration(longest.expectedMs)}); the page says what makes that faster. Then run \`holdfast drill\`.`
}
