/** `status` in one line, as plugins of Nagios and its kin print it: a verdict, what is worst, and data to draw. */
import { formatDuration, second } from '../base/units.ts'
import type { StatusReport } from '../operations/status/status.ts'
import { counted } from './table.ts'

export function nagiosText(report: StatusReport): string {
  const told = `HOLDFAST ${report.state.toUpperCase()} - ${verdictOf(report)}`
  // A bar begins the data, and a line end ends what most servers keep.
  const line = told.replaceAll('|', '/').replaceAll(/\s+/g, ' ')
  return `${line} | ${dataOf(report).join(' ')}\n`
}

function verdictOf({ findings, repositories, objectives }: StatusReport): string {
  const [worst, ...more] = findings
  if (worst) {
    const about = worst.repository === null ? '' : `${worst.repository}: `
    const rest = more.length === 0 ? '' : ` (and ${counted(more.length, 'thing')} more)`
    return `${about}${worst.message}${rest}`
  }
  const ages = repositories.flatMap(({ newestBackup }) => newestBackup?.ageSeconds ?? [])
  const { actualSeconds } = objectives.rpo
  return [
    counted(repositories.length, 'repository', 'repositories'),
    ...(ages.length === 0 ? [] : [`the newest backup is ${formatDuration(Math.min(...ages) * second)} old`]),
    ...(actualSeconds === null ? [] : [lossText(actualSeconds)]),
  ].join(', ')
}

const lossText = (seconds: number): string =>
  seconds === 0 ? 'nothing would be lost' : `${formatDuration(seconds * second)} would be lost`

/** `label=value;warning;critical;least`. */
function dataOf({ objectives, repositories, server, findings }: StatusReport): readonly string[] {
  const { rpo, rto } = objectives
  return [
    ...datum('rpo', rpo.actualSeconds, 's', rpo.targetSeconds),
    ...datum('rto', rto.actualSeconds, 's', rto.targetSeconds),
    ...repositories.flatMap(({ name, newestBackup, lag }) => [
      ...datum(`${name}_backup_age`, newestBackup?.ageSeconds ?? null, 's'),
      ...datum(`${name}_lag`, lag?.seconds ?? null, 's'),
    ]),
    ...datum('wal_files_waiting', server?.walFilesWaiting ?? null, ''),
    ...datum('wal_free', server?.walFreeBytes ?? null, 'B'),
    ...datum('findings', findings.length, ''),
  ]
}

function datum(
  label: string,
  value: number | null,
  unit: string,
  target: number | null = null,
): readonly string[] {
  const limit = target === null ? '' : String(target)
  return value === null ? [] : [`${label}=${String(value)}${unit};${limit};${limit};0`]
}
