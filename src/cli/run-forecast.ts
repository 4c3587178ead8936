/** How long a restore of a size would take, told from the drills before; and on what that stands. */
import { formatBytes, formatDuration } from '../base/units.ts'
import { readCatalogs, type KnownBackup } from '../operations/sources/catalog.ts'
import { newestWay } from '../operations/thaw/cold-newest.ts'
import { coldOfBackup } from '../operations/thaw/restore-needs.ts'
import {
  forecastRto,
  withThaw,
  type ForecastPhaseName,
  type RtoForecast,
  type Way,
} from '../policy/rto/forecast-rto.ts'
import type { CommandContext } from './context.ts'
import { openSources } from './sources.ts'
import { thawPlanFor } from './thaw-first.ts'
import { knownDrillsOf } from './run-drill-reports.ts'
import { counted, tableOf } from './table.ts'

const ways: readonly Way[] = ['base backup', 'snapshot', 'dump']

export async function tellForecast(context: CommandContext, rawBytes: number): Promise<void> {
  const { output } = context
  const sources = await openSources(context, {}, { keys: false })
  const history = (await knownDrillsOf(context, sources)).map(({ summary }) => summary)
  const { backups } = await readCatalogs(sources.open, { full: false }, context.signal)
  const thaw = await thawOfNewest(context, backups)
  const forecasts = ways.flatMap(way => {
    const forecast = forecastRto(history, { rawBytes }, way)
    if (!forecast) return []
    return [{ way, ...(thaw && way === 'base backup' ? withThaw(forecast, thaw) : forecast) }]
  })
  const backup = forecasts.length > 0 ? undefined : lastBackupPace(backups)
  const atPaceMs = backup && Math.round((rawBytes * backup.durationMs) / backup.rawBytes)
  output.result(
    {
      rawBytes,
      forecasts: forecasts.map(({ basis, ...rest }) => ({ ...rest, basis: basis.map(({ id }) => id) })),
      lastBackup: backup && { ...backup, atThisPaceMs: atPaceMs },
    },
    () => forecasts.map(forecastText).join('\n'),
  )
  if (forecasts.length > 0) return
  output.warn(
    'there was no drill yet that came to its end, so nothing is known of how long a restore takes; run holdfast drill',
  )
  if (backup && atPaceMs !== undefined)
    output.note(
      `the backup ${backup.id} took ${formatDuration(backup.durationMs)} for ${formatBytes(backup.rawBytes)}: at that pace ${formatBytes(rawBytes)} are written in ${formatDuration(atPaceMs)}, without provisioning, replay and checks`,
    )
}

interface Pace {
  readonly id: string
  readonly durationMs: number
  readonly rawBytes: number
}

/** Where the newest full backup lies in the cold: how long it takes until it can be read. */
async function thawOfNewest(
  context: CommandContext,
  backups: readonly KnownBackup[],
): Promise<Parameters<typeof withThaw>[1] | undefined> {
  const { full } = newestWay({ backups: backups.map(({ summary }) => summary) })
  const known = backups.find(({ summary }) => summary.id === full?.id)
  if (!known) return undefined
  const plan = await thawPlanFor(context, { thaw: undefined }, await coldOfBackup(known, context.signal), 0)
  const { leastMs, mostMs } = plan?.estimate ?? {}
  if (!plan || leastMs === undefined || mostMs === undefined) return undefined
  return { bytes: plan.bytes, leastMs, mostMs }
}

function lastBackupPace(backups: readonly KnownBackup[]): Pace | undefined {
  const last = backups.findLast(
    ({ summary }) => summary.kind === 'full' && summary.sizes.rawBytes > 0,
  )?.summary
  return last && { id: last.id, durationMs: last.durationMs, rawBytes: last.sizes.rawBytes }
}

const titles: Readonly<Record<ForecastPhaseName, string>> = {
  thaw: 'thaw of what lies cold',
  provisioning: 'provisioning',
  download: 'download',
  decompression: 'decompression',
  restore: 'download and decompression',
  replay: 'replay of WAL',
  erasures: 'erasures',
  checks: 'checks',
}

function forecastText(forecast: RtoForecast & { readonly way: Way }): string {
  const { way, sizes, phases, expectedMs, slowestMs, basis, beyond } = forecast
  const [first, last] = [basis[0], basis.at(-1)]
  const dates = [first, last].map(past => past?.startedAt.slice(0, 10) ?? '')
  const when = dates[0] === dates[1] ? `of ${dates[0] ?? ''}` : `from ${dates.join(' to ')}`
  const table = tableOf(
    [
      ...phases.map(phase => ({ ...phase, title: titles[phase.name] })),
      { title: 'together', expectedMs, slowestMs, bytes: undefined },
    ],
    [
      { head: `restore from a ${way}`, of: ({ title }) => title },
      {
        head: 'goes through',
        of: ({ bytes }) => (bytes === undefined ? '' : formatBytes(bytes)),
        align: 'right',
      },
      { head: 'expected', of: row => formatDuration(row.expectedMs), align: 'right' },
      { head: 'slowest seen', of: row => formatDuration(row.slowestMs), align: 'right' },
    ],
  )
  const far =
    beyond > 2
      ? `; it is ${beyond.toFixed(beyond < 10 ? 1 : 0)} times as large as what was measured, so take it with care`
      : ''
  return `${table}from ${counted(basis.length, 'drill')} ${when}; ${formatBytes(sizes.rawBytes)}, of which ${formatBytes(sizes.storedBytes)} are stored${far}\n`
}
