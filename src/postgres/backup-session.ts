/**
 * The server's side of a base backup: between its begin and its end, a copy of the data directory can be made
 * consistent by replaying the WAL between the two.
 *
 * The server keeps this state with the connection: when the connection goes, the backup is over, and the server is
 * not left in any special mode. That is how `abort` works, and what happens when this process is killed.
 */
import { Fault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { parseLsn, type Lsn } from '../wal/lsn.ts'
import { parseBackupLabel, type BackupLabel } from './backup-label.ts'
import type { Server, SqlRow } from './connection.ts'

export interface BackupSession extends AsyncDisposable {
  /** Replay begins here: pages written after it are repaired by WAL. */
  readonly startLsn: Lsn
  readonly fromStandby: boolean
  /** Aborts when the connection breaks, which ends the backup: what was copied is worth nothing then. */
  readonly lost: AbortSignal
  /** Ends the backup. Does not wait for the WAL to be archived. To be called when every file has been copied. */
  end(signal: AbortSignal): Promise<BackupEnd>
  /** Gives the backup up by closing the connection. Harmless after `end`. */
  abort(): Promise<void>
}

/** What must be kept with the copied files. */
export interface BackupEnd {
  /** Replay must reach this for the copy to be consistent. */
  readonly stopLsn: Lsn
  readonly label: BackupLabel
  /** To be stored as `backup_label`, byte by byte. */
  readonly labelFile: string
  /** To be stored as `tablespace_map`; empty when there is none to store. */
  readonly tablespaceMapFile: string
}

export interface BackupOptions {
  /** One line, for people: it stands in the label file and in the backup history file. */
  readonly label: string
  /** A checkpoint as fast as the disk can, instead of one spread over time. */
  readonly fast: boolean
}

/** Waits for a checkpoint, which takes long unless it is a fast one. Uses the connection until `end` or `abort`. */
export async function beginBackup(
  server: Server,
  { label, fast }: BackupOptions,
  signal: AbortSignal,
): Promise<BackupSession> {
  const statements = server.major < 15 ? oldStatements : newStatements
  const oneLine = label.replaceAll(/\s+/g, ' ').slice(0, 500)
  const [row] = await server.query<StartRow>(statements.start, [oneLine, fast], signal, {
    timeoutMs: limits.postgresCheckpointMsMax,
  })
  const startLsn = parseLsn(row?.lsn ?? '')
  if (!row || startLsn === undefined) throw unexpected('the start of the backup', row)
  return {
    startLsn,
    fromStandby: row.in_recovery,
    lost: server.lost,
    end: end => endBackup(server, statements.stop, startLsn, end),
    abort: () => server.close(),
    [Symbol.asyncDispose]: () => server.close(),
  }
}

async function endBackup(
  server: Server,
  sql: string,
  startLsn: Lsn,
  signal: AbortSignal,
): Promise<BackupEnd> {
  const [row] = await stopOrExplain(server, sql, signal)
  const stopLsn = parseLsn(row?.lsn ?? '')
  const label = parseBackupLabel(row?.labelfile ?? '')
  if (!row || stopLsn === undefined || label?.startLsn !== startLsn)
    throw unexpected('the end of the backup', row)
  return { stopLsn, label, labelFile: row.labelfile, tablespaceMapFile: row.spcmapfile }
}

async function stopOrExplain(server: Server, sql: string, signal: AbortSignal): Promise<readonly StopRow[]> {
  try {
    return await server.query<StopRow>(sql, [], signal)
  } catch (error) {
    if (!(error instanceof Fault) || !/promoted during online backup/.test(error.message)) throw error
    throw new Fault(
      'POSTGRES_REFUSED',
      'the standby was promoted while it was backed up: the copy is worth nothing',
      {
        hint: 'Run the backup again; nothing of this one is kept.',
        cause: error,
      },
    )
  }
}

interface StartRow extends SqlRow {
  readonly lsn: string
  readonly in_recovery: boolean
}

interface StopRow extends SqlRow {
  readonly lsn: string
  readonly labelfile: string
  readonly spcmapfile: string
}

interface Statements {
  readonly start: string
  readonly stop: string
}

/** Up to 14: the third argument asks for the kind of backup that several sessions can take at once. */
const oldStatements: Statements = {
  start: 'SELECT pg_start_backup($1, $2, false)::text AS lsn, pg_is_in_recovery() AS in_recovery',
  stop: 'SELECT lsn::text AS lsn, labelfile, spcmapfile FROM pg_stop_backup(false, false)',
}

const newStatements: Statements = {
  start: 'SELECT pg_backup_start($1, $2)::text AS lsn, pg_is_in_recovery() AS in_recovery',
  stop: 'SELECT lsn::text AS lsn, labelfile, spcmapfile FROM pg_backup_stop(false)',
}

function unexpected(what: string, row: unknown): Fault {
  return new Fault(
    'POSTGRES_REFUSED',
    `PostgreSQL’s answer to ${what} can not be understood: ${JSON.stringify(row)}`,
    {
      hint: 'Report this as a bug, with the version of the server.',
    },
  )
}
