/**
 * What makes a restored server recover to a target: settings at the end of `postgresql.auto.conf`, which the server
 * reads last, and a signal file.
 *
 * Pure text in, pure text out. See the PostgreSQL manual, "Recovery" and "Recovery Target", and the assign hooks in
 * src/backend/access/transam/xlogrecovery.c.
 */
import { unreachable } from '../base/assert.ts'
import { formatLsn, type Lsn } from '../wal/lsn.ts'
import { formatMicros, type Micros } from '../wal/time.ts'
import { closedLine, withoutClosedLine } from './closed-server.ts'
import { formatSetting, type SettingValue } from './config-file.ts'

/** Where replay stops. The same shape as policy's RecoveryTarget, which this layer does not know. */
export type RecoveryStop =
  | { readonly kind: 'latest' }
  | { readonly kind: 'immediate' }
  | { readonly kind: 'time'; readonly time: Micros; readonly inclusive: boolean }
  | { readonly kind: 'lsn'; readonly lsn: Lsn; readonly inclusive: boolean }
  | { readonly kind: 'xid'; readonly xid: bigint; readonly inclusive: boolean }
  | { readonly kind: 'name'; readonly name: string }

export type RecoveryAction = 'promote' | 'pause' | 'shutdown'

export interface RecoverySettings {
  readonly target: RecoveryStop
  readonly timeline: 'latest' | 'current' | number
  /** What the server does at the target. */
  readonly action: RecoveryAction
  /** With PostgreSQL's placeholders `%f` and `%p`. */
  readonly restoreCommand: string
  /** False: archiving is turned off, so that a copy does not write into the archive of its original. */
  readonly archiving: boolean
  /** A standby follows its primary, or the archive, until it is promoted. */
  readonly standby: StandbySettings | undefined
  /** The data directory, when nobody may connect before requests to forget a person were applied to it. */
  readonly closedIn?: string | undefined
}

export interface StandbySettings {
  /** Undefined: what the restored configuration says stays. */
  readonly primaryConninfo: string | undefined
  readonly primarySlotName: string | undefined
}

export interface RecoveryFiles {
  /** The whole of postgresql.auto.conf. */
  readonly autoConf: string
  /** An empty file of this name begins the recovery. */
  readonly signal: SignalFile
  /** Must not be there: it may come with the backup of a standby, and would win. */
  readonly otherSignal: SignalFile
}

export type SignalFile = 'recovery.signal' | 'standby.signal'

/** `existing` is the postgresql.auto.conf of the backup; `comment` says which backup it was, in one line. */
export function recoveryFiles(existing: string, settings: RecoverySettings, comment: string): RecoveryFiles {
  const closed = settings.closedIn === undefined ? [] : [closedLine(settings.closedIn)]
  const lines = [
    ...[...standbyLines(settings), ...targetLines(settings)].map(([name, value]) =>
      formatSetting(name, value),
    ),
    ...closed,
  ]
  const block = `${beginMark}: ${comment.replaceAll(/\s+/g, ' ')}\n${lines.join('')}${endMark}\n`
  const [signal, otherSignal]: [SignalFile, SignalFile] =
    settings.standby === undefined
      ? ['recovery.signal', 'standby.signal']
      : ['standby.signal', 'recovery.signal']
  const before = withoutClosedLine(withoutBlocks(existing))
  return { autoConf: withLineEnd(before) + block, signal, otherSignal }
}

const beginMark = '# Holdfast restore, begin'
const endMark = '# Holdfast restore, end'

/** Blocks of earlier restores, which come back with the backups of a server that was once restored. */
function withoutBlocks(text: string): string {
  return text.replaceAll(new RegExp(`^${beginMark}[^]*?^${endMark}\n?`, 'gm'), '')
}

function withLineEnd(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}

type Line = readonly [name: string, value: SettingValue]

function standbyLines({ restoreCommand, archiving, standby }: RecoverySettings): Line[] {
  const lines: Line[] = [['restore_command', restoreCommand]]
  if (!archiving) lines.push(['archive_mode', 'off'])
  if (standby?.primaryConninfo !== undefined) lines.push(['primary_conninfo', standby.primaryConninfo])
  if (standby?.primarySlotName !== undefined) lines.push(['primary_slot_name', standby.primarySlotName])
  // These come with the configuration of a standby: replay would wait, and the archive of others would be cleaned.
  if (!standby)
    lines.push(['recovery_min_apply_delay', 0], ['archive_cleanup_command', ''], ['recovery_end_command', ''])
  return lines
}

/**
 * One of five settings names the target, and the server refuses to start when two of them are set: so the others,
 * which may stand in postgresql.conf, are emptied. They come first, since emptying one forgets what came before it.
 */
function targetLines({ target, timeline, action, standby }: RecoverySettings): Line[] {
  const chosen = targetLine(target)
  const lines: Line[] = targetNames.filter(name => name !== chosen?.[0]).map(name => [name, ''])
  if ('inclusive' in target) lines.push(['recovery_target_inclusive', target.inclusive])
  lines.push(['recovery_target_timeline', timeline])
  if (!standby || chosen) lines.push(['recovery_target_action', action])
  if (chosen) lines.push(chosen)
  return lines
}

const targetNames = [
  'recovery_target',
  'recovery_target_name',
  'recovery_target_time',
  'recovery_target_xid',
  'recovery_target_lsn',
] as const

function targetLine(target: RecoveryStop): Line | undefined {
  switch (target.kind) {
    case 'latest':
      return undefined
    case 'immediate':
      return ['recovery_target', 'immediate']
    case 'time':
      return ['recovery_target_time', formatMicros(target.time)]
    case 'lsn':
      return ['recovery_target_lsn', formatLsn(target.lsn)]
    case 'xid':
      // WAL records hold the low 32 bits only, and so does this setting.
      return ['recovery_target_xid', String(target.xid & 0xffff_ffffn)]
    case 'name':
      return ['recovery_target_name', target.name]
    default:
      return unreachable(target)
  }
}
