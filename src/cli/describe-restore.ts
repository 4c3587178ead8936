/** Restores in words, and as records for programs. */
import { Fault } from '../base/fault.ts'
import { formatBytes, formatDuration } from '../base/units.ts'
import type { RestoreLayout } from '../operations/restore/layout.ts'
import type { RestoreReport } from '../operations/restore/restore.ts'
import { describeOutcome } from '../operations/restore/start.ts'
import { describeTarget } from '../policy/recovery-target.ts'
import type { StoppingPoint } from '../policy/restore-plan.ts'
import { formatLsn } from '../wal/lsn.ts'
import { formatMicros, isoMicros } from '../wal/time.ts'
import type { ClosedSource } from '../operations/sources/source.ts'
import { describeTrouble, listed } from '../operations/sources/trouble.ts'
import {
  appliedLines,
  appliedRecord,
  closedLines,
  erasurePlanLines,
  erasurePlanRecord,
} from './describe-erasures.ts'
import type { StartedAndForgotten } from './start-restored.ts'
import { thawLines, thawRecord } from './describe-thaw.ts'
import type { LaidOut } from './restore-setup.ts'
import { volumeText } from './describe-snapshot.ts'
import { counted, listingOf } from './table.ts'

const uses = {
  fresh: 'new',
  clear: 'holds something: it is deleted first',
  delta: 'kept where its files are right, the rest is written',
} as const

export function planListing({
  deps,
  layout,
  closed,
  mayLeadFurther,
  thaw,
  recovery: recoveryWithout,
  erasures,
}: LaidOut): string {
  const recovery = recoveryWithout([])
  const { plan, record, directory, tablespaces, space, expectedMs, use } = layout
  const { wal } = plan
  return listingOf([
    ['target', describeTarget(plan.target)],
    ['stops', describeStop(plan.stop)],
    ['backup', `${record.id}, ended ${record.endedAt}`],
    ['from', sourcesText(deps.copies, closed.length)],
    ...closed.map(
      ({ name }) =>
        [
          'not read',
          `${name}; restore_command leaves it out, so what only it holds is not brought back`,
        ] as const,
    ),
    [
      'unsure',
      mayLeadFurther.length === 0
        ? undefined
        : `${listed(mayLeadFurther)} may hold a newer backup, or more WAL: on a terminal this is asked, else ${withoutFlags(mayLeadFurther)} says so`,
    ],
    ['timeline', String(plan.timeline)],
    ['WAL', walText(wal)],
    ...(thaw ? thawLines(thaw) : []),
    ['directory', `${directory} (${uses[use]})`],
    ...tablespaces.map(
      ({ name, from, to }) => ['tablespace', `${name}: ${from === to ? to : `${from} → ${to}`}`] as const,
    ),
    [
      'data',
      record.snapshot
        ? `${formatBytes(record.sizes.rawBytes)} in snapshots by ${record.snapshot.provider}`
        : `${formatBytes(record.sizes.rawBytes)} from ${formatBytes(record.sizes.storedBytes)} stored`,
    ],
    ...(record.snapshot?.volumes ?? []).map(volume => ['volume', volumeText(volume)] as const),
    ...space.map(
      ({ path, needBytes, freeBytes }) =>
        ['space', `${path}: ${formatBytes(needBytes)} of ${formatBytes(freeBytes)} free`] as const,
    ),
    [
      'time',
      `about ${formatDuration(expectedMs)} for the files, as long as the backup took; replay comes after it`,
    ],
    [
      'archiving',
      recovery.archiving ? 'stays on: the server replaces the original' : 'off: the server is a copy',
    ],
    ...erasurePlanLines(erasures, { standby: recovery.standby !== undefined }),
    ['restore_command', recovery.restoreCommand],
    ...plan.reasons.map(reason => ['note', reason] as const),
  ])
}

/** Where a repository could not be read when the restore was planned. */
export function closedLine({ name, fault }: ClosedSource): string {
  return `repository ${name} can not be read, and what only it holds is not brought back: ${fault.message}`
}

/** Where nobody can be asked, an older state than there may be is not restored on anybody's word but one that names it. */
export function unsureFault(names: readonly string[], lsn: string): Fault {
  const more = `a newer backup, or WAL after ${lsn}`
  return new Fault(
    'RESTORE_UNSURE',
    `${names.length === 1 ? 'repository' : 'repositories'} ${listed(names)} can not be read, and may hold ${more}`,
    {
      hint: `Bring ${names.length === 1 ? 'it' : 'them'} back into reach and try again. If ${names.length === 1 ? 'it is' : 'they are'} lost for good, or what the others hold is enough, say so: ${withoutFlags(names)}, or name the one to restore from: --repository NAME. A target that can not be changed by it needs no word: --backup ID --to-immediate, or a time, LSN, xid or name together with --timeline N.`,
    },
  )
}

const withoutFlags = (names: readonly string[]): string => names.map(name => `--without ${name}`).join(' ')

/** Only where there is a choice. */
function sourcesText(copies: LaidOut['deps']['copies'], closedCount: number): string | undefined {
  const names = copies.map(({ source }) => source.name)
  const [first, ...others] = names
  if (first === undefined || others.length + closedCount === 0) return undefined
  return others.length === 0 ? first : `${first}; what it does not have whole, from ${listed(others)}`
}

export function planRecord({
  deps,
  closed,
  mayLeadFurther,
  thaw,
  layout: { plan, record, ...layout },
  recovery: recoveryWithout,
  erasures,
}: LaidOut): Readonly<Record<string, unknown>> {
  const recovery = recoveryWithout([])
  const { stop, wal } = plan
  return {
    target: describeTarget(plan.target),
    backup: record.id,
    repositories: deps.copies.map(({ source }) => source.name),
    notRead: closed.map(({ name, fault }) => ({
      repository: name,
      code: fault.code,
      message: fault.message,
    })),
    mayLeadFurther,
    chain: plan.chain.map(({ id }) => id),
    timeline: plan.timeline,
    stop: {
      where: stop.where,
      isExact: stop.isExact,
      lsn: formatLsn(stop.lsn),
      lastTransaction: stop.last && {
        xid: String(stop.last.xid),
        lsn: formatLsn(stop.last.endLsn),
        time: isoMicros(stop.last.time),
      },
    },
    wal,
    directory: layout.directory,
    use: layout.use,
    tablespaces: layout.tablespaces,
    space: layout.space,
    bytes: record.sizes.rawBytes,
    storedBytes: record.sizes.storedBytes,
    expectedMs: layout.expectedMs,
    recovery: {
      action: recovery.action,
      restoreCommand: recovery.restoreCommand,
      archiving: recovery.archiving,
      standby: recovery.standby !== undefined,
    },
    thaw: thawRecord(thaw),
    erasures: erasurePlanRecord(erasures),
    reasons: plan.reasons,
  }
}

export function restoreListing(
  report: RestoreReport,
  started: StartedAndForgotten | undefined,
  { erasures, isClosed }: Pick<LaidOut, 'erasures' | 'isClosed'>,
): string {
  const rate = formatBytes((report.bytes * 1000) / Math.max(1, report.durationMs))
  return listingOf([
    ['restored', `${report.directory} from ${report.backup}`],
    ...(report.places ?? []).map(place => ['volume', place] as const),
    [
      'files',
      report.places
        ? undefined
        : `${counted(report.files, 'file')}, ${formatBytes(report.bytes)}, in ${formatDuration(report.durationMs)} (${rate}/s); every checksum is right`,
    ],
    [
      'kept',
      report.filesKept > 0
        ? `${counted(report.filesKept, 'file')}, ${formatBytes(report.bytesKept)}, were right already`
        : undefined,
    ],
    [
      'removed',
      report.filesRemoved > 0
        ? `${counted(report.filesRemoved, 'file')} that the backup does not have`
        : undefined,
    ],
    ...report.passedOver.map(trouble => ['passed over', describeTrouble(trouble)] as const),
    ...(report.passedOver.length > 0
      ? [['repair', '`holdfast repair` heals a repository from another one that has it whole'] as const]
      : []),
    ...(started ? startedLines(started) : []),
    ...(isClosed && (!started || started.isClosed) ? closedLines(erasures, report.directory) : []),
    ...(started || isClosed
      ? []
      : [
          [
            'next',
            `start the server on ${report.directory}; it replays the WAL to the target by itself`,
          ] as const,
        ]),
  ])
}

function startedLines(started: StartedAndForgotten): readonly (readonly [string, string | undefined])[] {
  return [
    ['server', describeOutcome(started)],
    ...appliedLines(started.erasures),
    ['connect', started.connectionString && `psql '${started.connectionString}'`],
    ['log', started.logFile],
  ]
}

/** For `--json`. */
export function startedRecord(started: StartedAndForgotten | undefined): Readonly<Record<string, unknown>> {
  if (!started) return {}
  const { lsn, time, timeline, state, pid, connectionString, logFile, isPrivate, isClosed } = started
  return {
    recoveredTo: {
      lsn: lsn === undefined ? null : formatLsn(lsn),
      time: time === undefined ? null : isoMicros(time),
      timeline: timeline ?? null,
    },
    server: { state, pid, connection: connectionString, logFile, isPrivate, isClosed },
    erasures: started.erasures.map(appliedRecord),
  }
}

function describeStop({ where, lsn, last, isExact }: StoppingPoint): string {
  const after = last ? `; the last transaction is ${String(last.xid)} of ${formatMicros(last.time)}` : ''
  switch (where) {
    case 'end':
      return `at the end of the archived WAL, ${formatLsn(lsn)}${after}`
    case 'consistent':
      return `as soon as the backup is consistent, at ${formatLsn(lsn)}`
    default:
      return isExact
        ? `${where} the record at ${formatLsn(lsn)}${after}`
        : `in the segment that begins at ${formatLsn(lsn)}${after}`
  }
}

function walText({ segments, partial, storedBytes }: RestoreLayout['plan']['wal']): string {
  const range = segments.length === 0 ? '' : `, ${segments[0] ?? ''} to ${segments.at(-1) ?? ''}`
  return `${counted(segments.length, 'segment')}${range}${partial === undefined ? '' : ` and ${partial}`}: all present, ${formatBytes(storedBytes)} stored`
}
