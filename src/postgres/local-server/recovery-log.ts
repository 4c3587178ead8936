/**
 * What a starting server tells in its log about recovery: the one source that needs neither a connection nor hot
 * standby, and is nearly the same from 14 to 18. Messages are read in English (lc_messages=C).
 */
import { parseLsn, type Lsn } from '../../wal/lsn.ts'
import { parseTime, type Micros } from '../../wal/time.ts'

/** Updated line by line. */
export interface RecoveryLog {
  /** WAL is being replayed. */
  replaying: boolean
  /** The last file that restore_command brought. */
  restoredFile: string | undefined
  restoredFiles: number
  /** The furthest position that the log has named. */
  lsn: Lsn | undefined
  /** `recovery stopping before commit of transaction 740, time 2026-…`. */
  stop: string | undefined
  /** Of the last transaction replayed. */
  commitTime: Micros | undefined
  timeline: number | undefined
  /** Read-only connections are accepted. */
  standby: boolean
  paused: boolean
  /** Connections are accepted, and recovery (if there was one) is over. */
  ready: boolean
  shutdownAtTarget: boolean
  /** Why the server can not go on: FATAL and PANIC messages, with DETAIL and HINT. */
  readonly problems: string[]
  /** For people: the last lines as they stand. */
  readonly tail: string[]
}

export function emptyRecoveryLog(): RecoveryLog {
  return {
    replaying: false,
    restoredFile: undefined,
    restoredFiles: 0,
    lsn: undefined,
    stop: undefined,
    commitTime: undefined,
    timeline: undefined,
    standby: false,
    paused: false,
    ready: false,
    shutdownAtTarget: false,
    problems: [],
    tail: [],
  }
}

/** Whatever log_line_prefix is, severity and message follow it. */
const linePattern = /(?:^|\s)(LOG|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT): {2}(.*)$/

export function readLogLine(log: RecoveryLog, line: string): void {
  log.tail.push(line)
  if (log.tail.length > tailLinesMax) log.tail.shift()
  const match = linePattern.exec(line)
  const [severity = '', message = ''] = [match?.[1], match?.[2]]
  if (isProblem(severity, message)) log.problems.push(message)
  else if (severity === 'DETAIL' || severity === 'HINT') addToProblem(log, message)
  else if (severity === 'LOG') for (const [pattern, note] of notes) applyNote(log, pattern, note, message)
}

const tailLinesMax = 40

/** What ends the server, or makes it wait for ever; not the FATAL messages that clients get who come too early. */
function isProblem(severity: string, message: string): boolean {
  if (severity === 'WARNING') return /insufficient parameter settings/.test(message)
  return (severity === 'FATAL' || severity === 'PANIC') && !clientFatal.test(message)
}

const clientFatal =
  /^(the database system is|no pg_hba\.conf entry|role "|database "|(password|peer|ident|\w+) authentication failed|terminating |sorry, too many|remaining connection slots|connection requires|unsupported frontend)/i

function applyNote(log: RecoveryLog, pattern: RegExp, note: Note, message: string): void {
  const match = pattern.exec(message)
  if (match) note(log, match[1] ?? '')
}

/** Only right behind the problem: other messages have details, too. */
function addToProblem(log: RecoveryLog, message: string): void {
  const problem = log.problems.pop()
  if (problem === undefined) return
  const [first = ''] = problem.split('; ')
  const before = log.tail[log.tail.length - 2]
  const belongs = before !== undefined && (before.endsWith(first) || /(DETAIL|HINT): {2}/.test(before))
  log.problems.push(belongs ? `${problem}; ${message}` : problem)
}

type Note = (log: RecoveryLog, found: string) => void

const notes: readonly (readonly [RegExp, Note])[] = [
  [
    /^(?:starting|entering) (?:point-in-time|archive) recovery|^entering standby mode|^redo starts at/,
    log => {
      log.replaying = true
    },
  ],
  [
    /^restored log file "(.*)" from archive/,
    (log, name) => {
      log.restoredFile = name
      log.restoredFiles++
    },
  ],
  [
    /^redo (?:starts|done) at ([0-9A-F]+\/[0-9A-F]+)/,
    (log, lsn) => {
      log.lsn = parseLsn(lsn)
    },
  ],
  [
    /^redo in progress, .*current LSN: ([0-9A-F]+\/[0-9A-F]+)/,
    (log, lsn) => {
      log.lsn = parseLsn(lsn)
    },
  ],
  [
    /^consistent recovery state reached at ([0-9A-F]+\/[0-9A-F]+)/,
    (log, lsn) => {
      log.lsn = parseLsn(lsn)
    },
  ],
  [
    /^(recovery stopping .*)/,
    (log, text) => {
      log.stop = text
    },
  ],
  [
    /^recovery stopping after (?:commit|abort).* time (.+)$/,
    (log, time) => {
      log.commitTime = parseTime(time) ?? log.commitTime
    },
  ],
  [
    /^last completed transaction was at log time (.+)$/,
    (log, time) => {
      log.commitTime = parseTime(time)
    },
  ],
  [
    /^selected new timeline ID: (\d+)/,
    (log, timeline) => {
      log.timeline = Number(timeline)
    },
  ],
  [
    /^pausing at the end of recovery/,
    log => {
      log.paused = true
    },
  ],
  [
    /^shutdown at recovery target/,
    log => {
      log.shutdownAtTarget = true
    },
  ],
  [
    /^database system is ready to accept read-only connections/,
    log => {
      log.standby = true
    },
  ],
  [
    /^database system is ready to accept connections/,
    log => {
      log.ready = true
    },
  ],
]
