/** What a server tells about its archiver: settings, pg_stat_archiver, and the segments that wait. */
import { readArchiverError } from './archiver-error.ts'
import type { Server, SqlRow } from './connection.ts'

export interface ArchiverFacts {
  readonly mode: 'off' | 'on' | 'always'
  /** Empty when there is none. */
  readonly command: string
  /** 15 and later: a module that archives instead of a command. */
  readonly library: string
  readonly timeoutMs: number
  readonly archivedCount: number
  readonly lastArchivedWal: string | undefined
  readonly lastArchivedMs: number | undefined
  readonly failedCount: number
  readonly lastFailedWal: string | undefined
  readonly lastFailedMs: number | undefined
  /** What the command said when it failed last, from the server's log, if that can be read here. */
  readonly lastError: string | undefined
  /** Undefined when the role may not know. It ends, and is started anew after 10 s, when its command can not be run at all. */
  readonly isRunning: boolean | undefined
  /** Files in archive_status that wait to be archived; undefined when the role may not look. */
  readonly ready: ReadyFacts | undefined
  /** Bytes of all files in pg_wal; undefined when the role may not look. */
  readonly walDirectoryBytes: number | undefined
}

export interface ReadyFacts {
  readonly count: number
  readonly oldestWal: string | undefined
  /** When the oldest of them became ready. */
  readonly oldestMs: number | undefined
}

export async function archiverFacts(
  server: Server,
  settings: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<ArchiverFacts> {
  const [row] = await server.query<StatRow>(statSql, [], signal)
  const mode = settings.get('archive_mode')
  const command = settings.get('archive_command') ?? ''
  return {
    mode: mode === 'on' || mode === 'always' ? mode : 'off',
    command: command === '(disabled)' ? '' : command, // So it is shown while archive_mode is off.
    library: settings.get('archive_library') ?? '',
    timeoutMs: Number(settings.get('archive_timeout') ?? 0) * 1000,
    archivedCount: Number(row?.archived_count ?? 0),
    lastArchivedWal: row?.last_archived_wal ?? undefined,
    lastArchivedMs: row?.last_archived_ms ?? undefined,
    failedCount: Number(row?.failed_count ?? 0),
    lastFailedWal: row?.last_failed_wal ?? undefined,
    lastFailedMs: row?.last_failed_ms ?? undefined,
    lastError: isFailing(row)
      ? await readArchiverError(server, settings.get('data_directory'), signal)
      : undefined,
    isRunning: row?.is_running ?? undefined,
    ...(await walDirectoryFacts(server, row?.may_list ?? false, signal)),
  }
}

function isFailing(row: StatRow | undefined): boolean {
  return (row?.last_failed_ms ?? 0) > (row?.last_archived_ms ?? 0)
}

async function walDirectoryFacts(
  server: Server,
  mayList: boolean,
  signal: AbortSignal,
): Promise<Pick<ArchiverFacts, 'ready' | 'walDirectoryBytes'>> {
  if (!mayList) return { ready: undefined, walDirectoryBytes: undefined }
  const [row] = await server.query<ReadyRow>(readySql, [], signal)
  const oldestWal = row?.oldest_wal ?? undefined
  return {
    ready: { count: row?.count ?? 0, oldestWal, oldestMs: row?.oldest_ms ?? undefined },
    walDirectoryBytes: Number(row?.wal_bytes ?? 0),
  }
}

interface StatRow extends SqlRow {
  readonly archived_count: string
  readonly last_archived_wal: string | null
  readonly last_archived_ms: number | null
  readonly failed_count: string
  readonly last_failed_wal: string | null
  readonly last_failed_ms: number | null
  readonly is_running: boolean | null
  readonly may_list: boolean
}

const statSql = `
  SELECT archived_count, last_archived_wal, extract(epoch FROM last_archived_time)::float8 * 1000 AS last_archived_ms,
         failed_count, last_failed_wal, extract(epoch FROM last_failed_time)::float8 * 1000 AS last_failed_ms,
         CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE')
              THEN EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'archiver') END AS is_running,
         has_function_privilege('pg_ls_archive_statusdir()', 'EXECUTE')
           AND has_function_privilege('pg_ls_waldir()', 'EXECUTE') AS may_list
    FROM pg_stat_archiver`

interface ReadyRow extends SqlRow {
  readonly count: number
  readonly oldest_wal: string | null
  readonly oldest_ms: number | null
  readonly wal_bytes: string | null
}

/** History files are archived first and sort last, so the oldest is told by time. */
const readySql = `
  SELECT count(*)::int4 AS count,
         (array_agg(regexp_replace(name, '\\.ready$', '') ORDER BY modification, name))[1] AS oldest_wal,
         extract(epoch FROM min(modification))::float8 * 1000 AS oldest_ms,
         (SELECT sum(size) FROM pg_ls_waldir()) AS wal_bytes
    FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'`
