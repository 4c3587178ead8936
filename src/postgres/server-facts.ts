/**
 * What a server tells about itself, gathered in one go: all that the doctor, the plan of a backup and the plan of a
 * restore ask. What the role may not see is `undefined`; `missingGrants` says what to grant.
 */
import { parseLsn, type Lsn } from '../wal/lsn.ts'
import { Fault } from '../base/fault.ts'
import { archiverFacts, type ArchiverFacts } from './archiver-facts.ts'
import type { Server, SqlRow } from './connection.ts'
import { grantsFor, restrictedFunctions } from './grants.ts'

export interface ServerFacts {
  /** `server_version_num`, for example 150018. */
  readonly versionNumber: number
  readonly version: string
  readonly major: number
  /** Decimal: it does not fit a JSON number. */
  readonly systemIdentifier: string
  readonly catalogVersion: number
  readonly inRecovery: boolean
  readonly timeline: number
  /** Written so far (of a standby: replayed so far). */
  readonly lsn: Lsn
  readonly walSegmentSizeBytes: number
  readonly blockSizeBytes: number
  /** Blocks in one file of a relation, 131072 unless built otherwise. */
  readonly relationSegmentBlocks: number
  readonly dataChecksums: boolean
  readonly walLevel: string
  readonly fullPageWrites: boolean
  /** Whether the server writes WAL summaries (17 and later). */
  readonly summarizeWal: boolean
  readonly dataDirectory: string | undefined
  readonly configFiles: ConfigFiles
  readonly tablespaces: readonly Tablespace[]
  /** The settings that a hot standby needs at least as high as the server whose WAL it replays. */
  readonly settings: Readonly<Record<string, string>>
  readonly archiver: ArchiverFacts
  readonly role: RoleFacts
  readonly startedMs: number
  /** The server's clock, to be compared with ours. */
  readonly nowMs: number
}

export interface ConfigFiles {
  readonly config: string | undefined
  readonly hba: string | undefined
  readonly ident: string | undefined
}

/** A tablespace other than pg_default and pg_global. */
export interface Tablespace {
  readonly oid: number
  readonly name: string
  /** Where its link points; empty for one in place (allow_in_place_tablespaces). */
  readonly location: string
}

export interface RoleFacts {
  readonly name: string
  readonly superuser: boolean
  readonly replication: boolean
  /** Statements for a superuser to run in the database connected to; empty when nothing is missing. */
  readonly missingGrants: readonly string[]
}

export async function serverFacts(server: Server, signal: AbortSignal): Promise<ServerFacts> {
  const [identity] = await server.query<IdentityRow>(identitySql, [], signal)
  const settings = await readSettings(server, signal)
  const lsn = parseLsn(identity?.lsn ?? '')
  if (!identity || lsn === undefined) {
    throw new Fault(
      'POSTGRES_REFUSED',
      `PostgreSQL at ${server.where} does not tell its position in the log`,
      {
        hint: 'Wait until the server has finished starting, then run the command again.',
      },
    )
  }
  const number = (name: string): number => Number(settings.get(name) ?? Number.NaN)
  return {
    versionNumber: server.versionNumber,
    version: server.version,
    major: server.major,
    systemIdentifier: identity.system_identifier,
    catalogVersion: identity.catalog_version,
    inRecovery: identity.in_recovery,
    timeline: identity.timeline,
    lsn,
    walSegmentSizeBytes: number('wal_segment_size'),
    blockSizeBytes: number('block_size'),
    relationSegmentBlocks: number('segment_size'),
    dataChecksums: settings.get('data_checksums') === 'on',
    walLevel: settings.get('wal_level') ?? '',
    fullPageWrites: settings.get('full_page_writes') === 'on',
    summarizeWal: settings.get('summarize_wal') === 'on',
    dataDirectory: settings.get('data_directory'),
    configFiles: {
      config: settings.get('config_file'),
      hba: settings.get('hba_file'),
      ident: settings.get('ident_file'),
    },
    tablespaces: await server.query<SqlRow & Tablespace>(tablespacesSql, [], signal),
    settings: Object.fromEntries(replaySettings.map(name => [name, settings.get(name) ?? ''])),
    archiver: await archiverFacts(server, settings, signal),
    role: await readRole(server, signal),
    startedMs: identity.started_ms,
    nowMs: identity.now_ms,
  }
}

/** Kept in pg_control too: a hot standby refuses to start with lower ones. */
export const replaySettings = [
  'max_connections',
  'max_worker_processes',
  'max_wal_senders',
  'max_prepared_transactions',
  'max_locks_per_transaction',
] as const

const otherSettings = [
  'wal_segment_size',
  'block_size',
  'segment_size',
  'data_checksums',
  'wal_level',
  'full_page_writes',
  'summarize_wal',
  'data_directory',
  'config_file',
  'hba_file',
  'ident_file',
  'archive_mode',
  'archive_command',
  'archive_library',
  'archive_timeout',
]

/** From the view, not with SHOW: what the role may not see is left out there instead of failing. */
async function readSettings(server: Server, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const sql = 'SELECT name, setting FROM pg_settings WHERE name = ANY($1)'
  const rows = await server.query<{ name: string; setting: string }>(
    sql,
    [[...replaySettings, ...otherSettings]],
    signal,
  )
  return new Map(rows.map(row => [row.name, row.setting]))
}

async function readRole(server: Server, signal: AbortSignal): Promise<RoleFacts> {
  const [row] = await server.query<RoleRow>(roleSql, [], signal)
  const names = restrictedFunctions(server.major).map(name => `pg_catalog.${name}`)
  const functions = await server.query<{ may: boolean }>(functionsSql, [names], signal)
  const may = [row?.monitor ?? false, ...functions.map(f => f.may)]
  return {
    name: row?.name ?? server.user,
    superuser: row?.superuser ?? false,
    replication: row?.replication ?? false,
    missingGrants: grantsFor(server.user, server.major).filter((_, index) => !may[index]),
  }
}

interface IdentityRow extends SqlRow {
  readonly system_identifier: string
  readonly catalog_version: number
  readonly in_recovery: boolean
  readonly timeline: number
  readonly lsn: string | null
  readonly started_ms: number
  readonly now_ms: number
}

/** A standby's timeline is the newest that it knows of; pg_walfile_name can not be called there. */
const identitySql = `
  SELECT s.system_identifier::text AS system_identifier, s.catalog_version_no::int4 AS catalog_version,
         r.in_recovery,
         CASE WHEN r.in_recovery
              THEN greatest(c.timeline_id, m.min_recovery_end_timeline, (SELECT received_tli FROM pg_stat_wal_receiver))
              ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int4
         END AS timeline,
         CASE WHEN r.in_recovery THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text AS lsn,
         extract(epoch FROM pg_postmaster_start_time())::float8 * 1000 AS started_ms,
         extract(epoch FROM clock_timestamp())::float8 * 1000 AS now_ms
    FROM pg_control_system() s, pg_control_checkpoint() c, pg_control_recovery() m,
         (SELECT pg_is_in_recovery() AS in_recovery) r`

const tablespacesSql = `
  SELECT oid, spcname AS name, pg_tablespace_location(oid) AS location
    FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global') ORDER BY oid`

interface RoleRow extends SqlRow {
  readonly name: string
  readonly superuser: boolean
  readonly replication: boolean
  readonly monitor: boolean
}

const roleSql = `
  SELECT current_user AS name, rolsuper AS superuser, rolreplication AS replication,
         pg_has_role('pg_monitor', 'USAGE') AS monitor
    FROM pg_roles WHERE rolname = current_user`

const functionsSql = `
  SELECT has_function_privilege(f, 'EXECUTE') AS may FROM unnest($1::text[]) WITH ORDINALITY AS u (f, n) ORDER BY n`
