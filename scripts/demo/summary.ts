/** The figures of the story, each measured in this run. */
import { formatBytes, formatDuration, second } from '../../src/base/units.ts'
import type { BackupFigures } from './steps/back-up.ts'
import type { Checked } from './steps/check-copy.ts'
import type { Moment } from './steps/find-accident.ts'
import type { Accident } from './steps/have-accident.ts'
import type { Restored } from './steps/restore-copy.ts'
import type { Verified } from './steps/verify-all.ts'
import type { Claim } from './tell.ts'

export interface Figures {
  readonly backup: BackupFigures
  readonly accident: Accident
  readonly moment: Moment
  readonly restored: Restored
  readonly checked: Checked
  readonly verified: Verified
}

const walSegmentBytes = 16 * 1024 * 1024

export function summaryText({ backup, accident, moment, restored, checked, verified }: Figures): string {
  const { sizes, durationMs } = backup
  const wal = formatBytes(moment.walSegments * walSegmentBytes)
  return listing([
    [
      'base backup',
      `${formatBytes(sizes.rawBytes)} in ${formatDuration(durationMs)} (${formatBytes((sizes.rawBytes * second) / durationMs)}/s), stored in ${formatBytes(sizes.storedBytes)}`,
    ],
    ['WAL', `${String(moment.walSegments)} segments archived (${wal})`],
    ['restore', restored.files.replace(/; .*/, '')],
    [
      'back (RTO)',
      `${formatDuration(restored.returnedMs)} from the command to the first answer of the server`,
    ],
    [
      'lost (RPO)',
      `${String(checked.lost)} of ${String(checked.payments + checked.lost)} payments committed by that moment`,
    ],
    ['', `had the host died just then: the last ${formatDuration(accident.unarchivedMs)}`],
    ['verify', formatDuration(verified.durationMs)],
  ])
}

export function verdict(claims: readonly Claim[]): string {
  const failed = claims.filter(({ holds }) => !holds)
  if (failed.length === 0) return `All ${String(claims.length)} claims were checked, and hold.`
  return [
    `${String(failed.length)} of ${String(claims.length)} claims do NOT hold:`,
    ...failed.map(({ text }) => `  ${text}`),
  ].join('\n')
}

function listing(entries: readonly (readonly [string, string])[]): string {
  const width = Math.max(...entries.map(([label]) => label.length))
  return entries.map(([label, value]) => `${label.padEnd(width)}  ${value}\n`).join('')
}
