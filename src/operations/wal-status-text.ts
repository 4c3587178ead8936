/** `wal status` for people. */
import { formatMicros, parseTime } from '../wal/time.ts'
import type { GapStatus, TimelineStatus, WalStatus, WalStatusHere, WindowStatus } from './wal-status.ts'
import { describeOwed, owedFix } from './wal-push/owed-here.ts'

/** Lines without colours; the most important first. */
export function walStatusText(status: WalStatus & Partial<WalStatusHere>): string {
  const { windows, gaps, missingHistories, coldHistories, timelines, unusableBackups, owed = null } = status
  const sections = [
    section(
      'What can be restored',
      windows.toReversed().flatMap(windowLines),
      'Nothing: there is no backup with all its WAL.',
    ),
    section('What is missing', [...gaps.map(gapLine), ...missingHistories.map(historyLine)], 'Nothing.'),
    coldHistories.length > 0 &&
      section('What has to be thawed before it can be read', coldHistories.map(historyLine), ''),
    owed !== null &&
      owed.length > 0 &&
      section(
        'What repositories are owed',
        [...owed.map(facts => `${facts.repository} ${describeOwed(facts)}`), `→ ${owedFix}`],
        '',
      ),
    section('Stored WAL', timelines.flatMap(timelineLines), 'None.'),
    unusableBackups.length > 0 &&
      section(
        'Backups that can not be used',
        unusableBackups.map(({ id, why }) => `${id} ${why}`),
        '',
      ),
  ]
  return sections.filter(text => text !== false).join('\n')
}

function section(title: string, lines: readonly string[], none: string): string {
  return `${title}\n${(lines.length > 0 ? lines : [none]).map(line => `  ${line}\n`).join('')}`
}

function windowLines({ timeline, backups, from, to, endsAt }: WindowStatus): string[] {
  const backupCount = backups.length === 1 ? '1 backup' : `${String(backups.length)} backups`
  // Nothing was committed since the backup, so its own end is the time that can be told.
  const isQuiet = to.time !== null && to.time < from.time
  const until =
    to.time === null || isQuiet
      ? `${to.lsn}${isQuiet ? ', without a transaction since' : ''}`
      : `${time(to.time)} (${to.lsn})`
  return [
    `from ${time(from.time)} (${from.lsn})`,
    `to   ${until}, on timeline ${String(timeline)}, from ${backupCount}${endsAt === 'gap' ? '; a gap follows' : ''}`,
  ]
}

function gapLine({
  firstMissing,
  lastMissing,
  segments,
  lastTimeBefore,
  firstTimeAfter,
  isBridged,
}: GapStatus): string {
  const which =
    segments === 1
      ? `segment ${firstMissing}`
      : `${String(segments)} segments, ${firstMissing} to ${lastMissing}`
  const span =
    lastTimeBefore !== null && firstTimeAfter !== null
      ? ` (${time(lastTimeBefore)} to ${time(firstTimeAfter)})`
      : ''
  return `${which}${span}${isBridged ? '' : ': no backup was made since, so nothing after it can be restored'}`
}

function historyLine(name: string): string {
  return `${name}: whether this timeline goes on from an older one can not be told`
}

function timelineLines({ timeline, branchedFrom, runs, partials }: TimelineStatus): string[] {
  const from = branchedFrom ? `, from timeline ${String(branchedFrom.timeline)} at ${branchedFrom.lsn}` : ''
  return [
    `timeline ${String(timeline)}${from}`,
    ...runs.map(run => `  ${run.firstSegment} to ${run.lastSegment}: ${String(run.segments)} segments`),
    ...partials.map(name => `  ${name}`),
  ]
}

const time = (text: string): string => formatMicros(parseTime(text) ?? 0)
