/**
 * Judges whether PostgreSQL archives its WAL, before anybody relies on it.
 *
 * "WAL segment was not archived before timeout" at the end of a long backup is the complaint heard most about tools
 * like this one. So the question is asked before the first byte is copied, and the answer names the cause.
 */
import { limits } from '../base/limits.ts'
import { maskSecrets } from '../base/mask-secrets.ts'
import { formatDuration, formatTime } from '../base/units.ts'
import type { ArchiverFacts } from './archiver-facts.ts'

export type ArchiverHealth =
  /** `note` is something to tell, if there is anything. */
  | { readonly verdict: 'healthy'; readonly note: string | undefined }
  /** This is a standby that does not archive by itself: its primary does, and can not be seen from here. */
  | { readonly verdict: 'standby'; readonly note: string }
  /** Works as far as can be seen, but not surely into our repository. */
  | {
      readonly verdict: 'doubtful'
      readonly problem: 'foreign-command' | 'behind'
      readonly message: string
      readonly hint: string
    }
  | {
      readonly verdict: 'failing'
      readonly problem: ArchiverProblem
      readonly message: string
      readonly hint: string
    }

export type ArchiverProblem = 'off' | 'no-command' | 'command-without-path' | 'failed' | 'ended' | 'stalled'

/** What the judgement needs of ServerFacts. */
export interface ArchiverSituation {
  readonly archiver: ArchiverFacts
  readonly inRecovery: boolean
  readonly walLevel: string
  readonly nowMs: number
}

/** `command` is what archive_command should be, for the hints. */
export function judgeArchiver(
  situation: ArchiverSituation,
  command = 'holdfast wal push %p',
): ArchiverHealth {
  const { archiver, inRecovery } = situation
  if (inRecovery && archiver.mode !== 'always') {
    return {
      verdict: 'standby',
      note: 'the primary archives the WAL; whether it does can not be seen on this standby',
    }
  }
  return (
    judgeSettings(situation, command) ??
    judgeFailures(situation) ??
    judgeEnded(situation) ??
    judgeStall(situation) ??
    judgeCommand(situation, command) ??
    judgeLag(situation) ?? {
      verdict: 'healthy',
      note: archiver.lastArchivedWal === undefined ? 'nothing has been archived yet' : undefined,
    }
  )
}

function judgeSettings(
  { archiver, walLevel }: ArchiverSituation,
  command: string,
): ArchiverHealth | undefined {
  const setCommand = `archive_command = '${command.replaceAll("'", "''")}'`
  if (archiver.mode === 'off') {
    const level = walLevel === 'minimal' ? ', wal_level = replica' : ''
    return failing(
      'off',
      'archive_mode is off: PostgreSQL does not archive WAL',
      `Set archive_mode = on${level} and ${setCommand} in postgresql.conf, then restart the server.`,
    )
  }
  if (archiver.library !== '') return undefined
  if (archiver.command === '') {
    return failing(
      'no-command',
      'archive_command is empty: WAL piles up in pg_wal',
      `Set ${setCommand} in postgresql.conf and reload the server; no restart is needed.`,
    )
  }
  if (isOurs(archiver.command) && !/%[pf]/.test(archiver.command)) {
    return failing(
      'command-without-path',
      `archive_command does not name the file: ${maskSecrets(archiver.command)}`,
      `Set ${setCommand}; PostgreSQL puts the path of the file in place of %p.`,
    )
  }
  return undefined
}

/** The last try failed. What failed before the last success is history. */
function judgeFailures({ archiver, nowMs }: ArchiverSituation): ArchiverHealth | undefined {
  const { lastFailedMs, lastArchivedMs, lastFailedWal, failedCount } = archiver
  if (lastFailedMs === undefined || (lastArchivedMs !== undefined && lastArchivedMs >= lastFailedMs))
    return undefined
  const words = archiver.lastError === undefined ? '' : `; it said: ${archiver.lastError}`
  const since =
    lastArchivedMs === undefined
      ? 'nothing was ever archived'
      : `the last success was ${ago(lastArchivedMs, nowMs)}`
  return failing(
    'failed',
    `archiving fails: ${String(failedCount)} failures, the last for ${lastFailedWal ?? 'a file'} at ${formatTime(lastFailedMs)}; ${since}${waiting(archiver)}${words}`,
    `Read the error of the command in the server’s log, mend its cause, and watch pg_stat_archiver: PostgreSQL tries again by itself. The command is: ${archiver.library || maskSecrets(archiver.command)}`,
  )
}

/** PostgreSQL counts no failure of a command that the shell can not run; its archiver ends over it, again and again. */
function judgeEnded({ archiver, nowMs }: ArchiverSituation): ArchiverHealth | undefined {
  const oldestMs = archiver.ready?.oldestMs
  if (archiver.isRunning !== false || oldestMs === undefined) return undefined
  if (nowMs - oldestMs < limits.archiverEndedMsMin) return undefined
  return failing(
    'ended',
    `archiving fails: the archiver of PostgreSQL has ended, as it does when its command can not be run${waiting(archiver)}`,
    `Look into the server's log for what the shell says (not found, Permission denied), and mend it: PostgreSQL tries again every 10 seconds. The command is: ${archiver.library || maskSecrets(archiver.command)}`,
  )
}

/** Files wait, nothing fails, and nothing moves: most often a command that hangs. */
function judgeStall({ archiver, nowMs }: ArchiverSituation): ArchiverHealth | undefined {
  const oldestMs = archiver.ready?.oldestMs
  if (oldestMs === undefined) return undefined
  const movedMs = Math.max(oldestMs, archiver.lastArchivedMs ?? 0)
  if (nowMs - movedMs < limits.archiverStallMsMax) return undefined
  return failing(
    'stalled',
    `archiving stands still: ${archiver.ready?.oldestWal ?? 'a file'} has waited since ${formatTime(oldestMs)}, and nothing was archived after it${waiting(archiver)}`,
    'Look whether the archive command hangs (ps shows it as a child of "postgres: archiver"), and whether the storage behind it answers.',
  )
}

function judgeCommand({ archiver }: ArchiverSituation, command: string): ArchiverHealth | undefined {
  if (archiver.library === '' && isOurs(archiver.command)) return undefined
  const what =
    archiver.library === ''
      ? `archive_command is "${maskSecrets(archiver.command)}"`
      : `archive_library is "${archiver.library}"`
  return {
    verdict: 'doubtful',
    problem: 'foreign-command',
    message: `${what}, which does not call holdfast wal push: the WAL may go elsewhere`,
    hint: `Set archive_command = '${command.replaceAll("'", "''")}', unless that command hands the WAL on to this repository.`,
  }
}

function judgeLag({ archiver }: ArchiverSituation): ArchiverHealth | undefined {
  if ((archiver.ready?.count ?? 0) < limits.archiverBehindSegments) return undefined
  return {
    verdict: 'doubtful',
    problem: 'behind',
    message: `archiving works but is behind${waiting(archiver)}`,
    hint: 'Give archiving more speed (network, storage, compression level) before it falls behind for good: pg_wal grows as long as files wait.',
  }
}

/** Ours, also by an absolute path, with options between, or inside of another command. */
function isOurs(command: string): boolean {
  return /holdfast\S*\s(?:.*\s)?wal\s+push\b/.test(command)
}

function failing(problem: ArchiverProblem, message: string, hint: string): ArchiverHealth {
  return { verdict: 'failing', problem, message, hint }
}

function waiting({ ready }: ArchiverFacts): string {
  return ready === undefined || ready.count === 0
    ? ''
    : `; ${String(ready.count)} ${ready.count === 1 ? 'file waits' : 'files wait'}`
}

function ago(timeMs: number, nowMs: number): string {
  return `${formatDuration(Math.max(0, nowMs - timeMs))} ago`
}
