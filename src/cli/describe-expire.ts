/** What an expiry removes and what survives, in words, as a calendar, and for programs. */
import { formatBytes, formatTime } from '../base/units.ts'
import type { PlannedPlace } from '../operations/expire/expire.ts'
import { isRemoved, type ExpireItem } from '../operations/expire/plan.ts'
import type { ExpireProblem } from '../operations/expire/settle.ts'
import { drillIdPattern } from '../repository/format/values.ts'
import type { Removed } from '../operations/expire/carry-out.ts'
import type { WalTally } from '../operations/expire/wal-removal.ts'
import { calendarLines } from './expire-calendar.ts'
import { counted, tableOf } from './table.ts'

export interface NamedPlace extends PlannedPlace {
  readonly name: string
  readonly timeZone: string
  readonly nowMs: number
  /** Undefined: nothing was done (a dry run, or nobody said yes). */
  readonly removed?: Removed | undefined
  readonly settled: readonly string[]
  readonly problems: readonly ExpireProblem[]
}

export function expiryText(place: NamedPlace): string {
  const { name, items, timeZone, problems, unasked, settled, removed } = place
  const calendar = calendarLines(items, timeZone)
  return [
    `${name}: ${headOf(place)}\n`,
    ...(settled.length > 0 && removed ? [`finished what was cut off: ${settled.join(', ')}\n`] : []),
    ...(calendar.length > 0 ? [`\n${calendar.join('\n')}\n`] : []),
    ...(items.length > 0 ? [`\n${itemTable(items)}`] : []),
    ...notesOf(place).map((line, index) => `${index === 0 ? '\n' : ''}${line}\n`),
    ...unasked.map(
      ({ name: other, message }) => `warning: "${other}" could not be asked what it has: ${message}\n`,
    ),
    ...problems.map(({ what, message }) => `problem: ${what}: ${message}\n`),
  ].join('')
}

function headOf(place: NamedPlace): string {
  const { removed, items, problems } = place
  const kept = items.filter(item => !isRemoved(item) && item.kind !== 'drill').length
  const stays = `${counted(kept, 'backup')} kept`
  if (!removed) return `${removalLine(place) ?? 'nothing'} to remove, ${stays}`
  const { ids, walFiles, unfinished, bytes } = removed
  const parts = partsOf(ids, walFiles, unfinished.length)
  const done =
    parts.length === 0 ? 'nothing had to be removed' : `removed ${parts.join(', ')} (${formatBytes(bytes)})`
  return `${done}, ${stays}${problems.length > 0 ? `, ${counted(problems.length, 'problem')}` : ''}`
}

/** `3 backups, 120 WAL files (1.2 GiB)`; undefined: nothing. */
export function removalLine({ items, unfinished, walTallies }: PlannedPlace): string | undefined {
  const going = items.filter(isRemoved)
  const folders = unfinished.filter(one => one.isRemoved)
  const ids = going.map(({ id }) => id)
  const parts = partsOf(ids, sumOf(walTallies.map(({ files }) => files)), folders.length)
  if (parts.length === 0) return undefined
  const bytes = sumOf([
    ...going.map(({ storedBytes }) => storedBytes),
    ...folders.map(({ folder }) => folder.sizeBytes),
    ...walTallies.map(one => one.bytes),
  ])
  return `${parts.join(', ')} (${formatBytes(bytes)})`
}

function partsOf(ids: readonly string[], walFiles: number, unfinished: number): readonly string[] {
  const drills = ids.filter(id => drillIdPattern.test(id)).length
  const backups = ids.length - drills
  return [
    ...(backups > 0 ? [counted(backups, 'backup')] : []),
    ...(drills > 0 ? [`${counted(drills, 'report')} of drills`] : []),
    ...(walFiles > 0 ? [counted(walFiles, 'WAL file')] : []),
    ...(unfinished > 0 ? [counted(unfinished, 'unfinished one')] : []),
  ]
}

function itemTable(items: readonly ExpireItem[]): string {
  return tableOf(items, [
    { head: '', of: item => (isRemoved(item) ? 'remove' : 'keep') },
    { head: 'ID', of: ({ id }) => id },
    { head: 'KIND', of: ({ kind }) => kind },
    { head: 'STORED', of: ({ storedBytes }) => formatBytes(storedBytes), align: 'right' },
    { head: 'WHY', of: whyOf },
  ])
}

function whyOf(item: ExpireItem): string {
  const flaw = item.flaw === undefined ? [] : [`does not count as good: ${item.flaw}`]
  const reasons = item.reasons.map(({ text }) => text)
  return [...(reasons.length === 0 ? ['no rule keeps it'] : reasons), ...flaw].join('; ')
}

function notesOf({ unfinished, wal, walTallies, unsettled, removed }: NamedPlace): readonly string[] {
  const kept = wal.filter(({ reason }) => reason !== undefined)
  return [
    `WAL: ${walLine(walTallies)}, ${counted(sumOf(kept.map(({ stretch }) => stretch.files)), 'file')} kept`,
    ...sparedLines(walTallies),
    ...unfinished.map(
      ({ folder, of, isRemoved: goes, reason }) =>
        `${goes ? 'remove' : 'keep'} the unfinished ${of} ${folder.id}: ${reason}`,
    ),
    ...(unsettled.length > 0 && !removed
      ? [`an earlier run was cut off while it removed ${unsettled.join(', ')}: that is finished first`]
      : []),
  ]
}

function walLine(tallies: readonly WalTally[]): string {
  const files = sumOf(tallies.map(tally => tally.files))
  return files === 0
    ? 'nothing to remove'
    : `${counted(files, 'file')} (${formatBytes(sumOf(tallies.map(({ bytes }) => bytes)))}) that nothing needs`
}

function sparedLines(tallies: readonly WalTally[]): readonly string[] {
  const all = new Map<string, number>()
  for (const { spared } of tallies)
    for (const [reason, files] of spared) all.set(reason, (all.get(reason) ?? 0) + files)
  return [...all].map(([reason, files]) => `keep ${counted(files, 'WAL file')} all the same: ${reason}`)
}

/** Stable for programs. */
export function expiryJson(place: NamedPlace): unknown {
  const { name, timeZone, items, wal, walTallies, unfinished, unsettled, unasked, settled, problems } = place
  let tallied = 0
  return {
    repository: name,
    at: new Date(place.atMs).toISOString(),
    timeZone,
    dryRun: place.removed === undefined,
    items: items.map(({ reasons, ...item }) => ({
      ...item,
      verdict: reasons.length === 0 ? 'remove' : 'keep',
      reasons: reasons.map(({ rule, text, untilMs }) => ({
        rule,
        text,
        until: untilMs === undefined ? null : formatTime(untilMs),
      })),
    })),
    wal: wal.map(({ stretch, reason }) => {
      const tally = reason === undefined ? walTallies[tallied++] : undefined
      return {
        timeline: stretch.timeline,
        segments: { first: stretch.first.toString(), last: stretch.last.toString() },
        files: stretch.files,
        bytes: stretch.bytes,
        verdict: reason === undefined ? 'remove' : 'keep',
        reason: reason ?? null,
        removes: tally?.files ?? 0,
        spared: Object.fromEntries(tally?.spared ?? []),
      }
    }),
    unfinished: unfinished.map(({ folder, of, isRemoved: goes, reason }) => ({
      id: folder.id,
      of,
      bytes: folder.sizeBytes,
      verdict: goes ? 'remove' : 'keep',
      reason,
    })),
    unsettled,
    unasked,
    settled,
    removed: place.removed ?? null,
    problems,
  }
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0)
