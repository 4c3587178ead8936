/**
 * The rows of large tables, out of a scratch cluster into the live server: COPY to COPY, by way of two psql and a pipe between
 * them, since a dump of them would take twice as long. In binary form where all types are PostgreSQL's own and mean the same on
 * both sides; and frozen, so that nothing has to be written once more when they are read first.
 */
import { spawn } from 'node:child_process'
import { dirname } from 'node:path'
import type { Clock } from '../../base/world.ts'
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { openPipe } from '../../base/pipe.ts'
import { clientEnvironment, databaseArgument } from '../../postgres/client-environment.ts'
import { connect, type Server, type SqlRow } from '../../postgres/connection.ts'
import { parseConnectionString, type Environment } from '../../postgres/connection-string.ts'
import { collectSaid, inLargePieces } from '../../postgres/dump/client-output.ts'
import { majorWithTransactionTimeout } from '../../postgres/pg-restore.ts'
import { changingEnvironment } from '../restore-dump/target-place.ts'
import { rowsDiffer } from './live-tables.ts'
import type { Sides } from './pass-through.ts'
import type { Scratch } from './scratch.ts'
import type { ScratchTable } from './scratch-tables.ts'

/** A table whose rows go this way. */
export interface LargeTable extends SqlRow {
  readonly oid: number
  /** With its schema, as it stands in a statement; the same on both sides. */
  readonly place: string
  /** As they stand in a statement. */
  readonly columns: string
  readonly isBinary: boolean
}

/** Of which of these tables the rows are worth it. To be asked when they have the names that they are copied under. */
export async function findLargeTables(
  server: Server,
  tables: readonly Pick<ScratchTable, 'oid'>[],
  signal: AbortSignal,
): Promise<readonly LargeTable[]> {
  return server.query<LargeTable>(
    `SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname) AS place,
            pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns,
            pg_catalog.bool_and(${isOwnType('t')} AND (t.typelem = 0 OR ${isOwnType('e')})) AS "isBinary"
       FROM pg_catalog.pg_class c
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
       JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
       LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem
      WHERE c.oid = ANY ($1::oid[]) AND c.relkind = 'r' AND c.relpersistence = 'p' AND pg_catalog.pg_table_size(c.oid) >= $2
      GROUP BY 1, 2 ORDER BY 2`,
    [`{${tables.map(({ oid }) => oid).join(',')}}`, limits.restoreTableRowsApartBytesMin],
    signal,
  )
}

/** Base types that initdb makes and that hold no oid of something else: those (regclass, aclitem) go by name, as text. */
const isOwnType = (type: string): string =>
  `${type}.oid < 10000 AND ${type}.typtype = 'b' AND ${type}.typsend <> 0 AND ${type}.typname !~ '^_?(reg|aclitem|pg_|oid)'`

export interface RowsRequest extends Sides {
  /** A name that nobody has. */
  readonly staging: string
}

/** Fails unless all rows arrived. What of them did is in the staging place, which is for whoever called this to remove. */
export async function copyRows(
  request: RowsRequest,
  { scratch, live }: { readonly scratch: Scratch; readonly live: Server },
  { large, tables, ...follow }: RowsToCopy,
  signal: AbortSignal,
): Promise<void> {
  const programs = await programsOf(request, { scratch, live }, signal)
  for (const table of large) {
    const rows = await copyOne(scratch, programs, table, { live, ...follow }, signal)
    const expected = tables.find(({ oid }) => oid === table.oid)
    if (!expected) throw new Error('assertion failed: what is large is one of the tables')
    if (rows !== expected.rows) throw rowsDiffer(expected.name, { live: rows, scratch: expected.rows })
  }
}

export interface RowsToCopy {
  readonly large: readonly LargeTable[]
  readonly tables: readonly ScratchTable[]
  readonly advance: (bytes: number) => void
  readonly clock: Clock
}

interface Follow extends Pick<RowsToCopy, 'advance' | 'clock'> {
  readonly live: Server
}

type Given = Readonly<Record<string, string>>

interface Programs {
  readonly psql: string
  /** The sessions in the live server are called that. */
  readonly name: string
  readonly database: string
  /** Of the session in the live server. */
  readonly settings: readonly string[]
  readonly from: Given
  readonly to: Given
}

/** What texts look like is the same on both sides, whatever the databases are set to. */
const common = ['datestyle=ISO', 'intervalstyle=postgres', 'extra_float_digits=3', 'row_security=off']

/** What a role's usual sessions are held to is not meant for this one; nor need it wait for a disk, as what comes after it does. */
const unlimited = [
  "search_path=''",
  'statement_timeout=0',
  'lock_timeout=0',
  'idle_in_transaction_session_timeout=0',
  'synchronous_commit=off',
]

async function programsOf(
  { environment, clients: { psql }, live: place, database, staging }: RowsRequest,
  { scratch, live }: { readonly scratch: Scratch; readonly live: Server },
  signal: AbortSignal,
): Promise<Programs> {
  const source = parseConnectionString(scratch.connectionString, {})
  const options = [...common, 'search_path=', 'statement_timeout=0', 'lock_timeout=0']
  const encoding = { PGCLIENTENCODING: await encodingOf(scratch.connectionString, environment, signal) }
  const there = { ...place, target: { ...place.target, database } }
  return {
    psql: psql.path,
    name: staging,
    database,
    from: {
      ...clientEnvironment({ ...source, options: options.map(each => `-c ${each}`).join(' ') }, environment),
      ...encoding,
    },
    to: { ...(await changingEnvironment(there, live, signal)), ...encoding, PGAPPNAME: staging },
    settings: [
      ...common,
      ...unlimited,
      ...(live.major >= majorWithTransactionTimeout ? ['transaction_timeout=0'] : []),
    ],
  }
}

async function encodingOf(
  connectionString: string,
  environment: Environment,
  signal: AbortSignal,
): Promise<string> {
  await using server = await connect(connectionString, { environment }, signal)
  const [row] = await server.query<{ encoding: string }>(
    'SELECT pg_catalog.pg_encoding_to_char(encoding) AS encoding FROM pg_catalog.pg_database WHERE datname = current_database()',
    [],
    signal,
  )
  return row?.encoding ?? 'UTF8'
}

/** Returns how many rows the live server says that it took. */
async function copyOne(
  { directory }: Pick<Scratch, 'directory'>,
  { psql, name, database, settings, from, to }: Programs,
  { place, columns, isBinary }: LargeTable,
  follow: Follow,
  signal: AbortSignal,
): Promise<number> {
  const format = isBinary ? 'binary' : 'text'
  const usual = ['--no-psqlrc', '--no-password', '--set=ON_ERROR_STOP=1']
  const out = [...usual, '--quiet', `--command=COPY ${place} (${columns}) TO STDOUT WITH (FORMAT ${format})`]
  const into = [
    ...[...usual, '--single-transaction', `--dbname=${databaseArgument(database)}`],
    ...settings.map(setting => `--command=SET LOCAL ${setting}`),
    // What is emptied and filled in one transaction may be frozen at once.
    `--command=TRUNCATE ONLY ${place}`,
    `--command=COPY ${place} (${columns}) FROM STDIN WITH (FORMAT ${format}, FREEZE)`,
  ]
  const pipe = await openPipe(dirname(directory), 'rows')
  const ended = new AbortController()
  const writer = startPsql(
    psql,
    { args: out, environment: from, stdin: 'ignore', stdout: pipe.write.fd },
    signal,
  )
  const reader = startPsql(psql, { args: into, environment: to, stdin: pipe.read.fd, stdout: 'pipe' }, signal)
  await Promise.all([pipe.read.close(), pipe.write.close()])
  const told = tellProgress(follow, name, ended.signal)
  const [sent, taken] = await Promise.all([writer, reader])
  ended.abort()
  await told
  signal.throwIfAborted()
  const hasReason = ({ status, said }: Ended): boolean => status !== 0 && said !== '' && !isBrokenPipe(said)
  const failure = [sent, taken].find(hasReason) ?? taken
  const rows = /^COPY (\d+)$/m.exec(taken.output)?.[1]
  if (sent.status !== 0 || taken.status !== 0 || rows === undefined) throw failed(place, failure)
  return Number(rows)
}

interface Run {
  readonly args: readonly string[]
  readonly environment: Given
  readonly stdin: 'ignore' | number
  readonly stdout: 'pipe' | number
}

interface Ended {
  readonly status: number | NodeJS.Signals | null
  /** On its standard error. */
  readonly said: string
  readonly output: string
}

/** Runs at once. Never rejects. */
async function startPsql(
  psql: string,
  { args, environment, stdin, stdout }: Run,
  signal: AbortSignal,
): Promise<Ended> {
  const [path = '', ...rest] = inLargePieces([psql, ...args])
  const child = spawn(path, rest, { env: environment, stdio: [stdin, stdout, 'pipe'] })
  const stop = (): void => void child.kill('SIGTERM')
  signal.addEventListener('abort', stop, { once: true })
  const said = child.stderr && collectSaid(child.stderr)
  const output = child.stdout && collectSaid(child.stdout)
  const status = await new Promise<Ended['status'] | Error>(resolve => {
    child.once('error', resolve)
    child.once('close', (code, by) => {
      resolve(code ?? by)
    })
  })
  signal.removeEventListener('abort', stop)
  if (status instanceof Error) return { status: null, said: status.message, output: '' }
  return { status, said: said?.text().trim() ?? '', output: output?.text() ?? '' }
}

/** Such a program only tells that the other one has ended. */
const isBrokenPipe = (said: string): boolean => /Broken pipe/.test(said)

/** As the live server counts what it takes. What can not be asked is not told. */
async function tellProgress(
  { live, advance, clock }: Follow,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  let told = 0
  try {
    for (;;) {
      await clock.sleep(limits.restoreTableProgressMs, signal)
      const [row] = await live.query<{ bytes: string }>(progressSql, [name], signal)
      const bytes = Number(row?.bytes ?? 0)
      if (bytes > told) advance(bytes - told)
      told = Math.max(told, bytes)
    }
  } catch {
    // The end, or a server that says nothing of it: both are no matter here.
  }
}

const progressSql = `
  SELECT pg_catalog.sum(p.bytes_processed)::pg_catalog.int8 AS bytes FROM pg_catalog.pg_stat_progress_copy p
    JOIN pg_catalog.pg_stat_activity a ON a.pid = p.pid WHERE a.application_name = $1`

function failed(place: string, { status, said }: Ended): Fault {
  const reason = said === '' ? `psql ended with ${String(status)}` : said.split('\n').slice(0, 3).join('; ')
  return new Fault('RESTORE_FAILED', `the rows of ${place} could not be copied: ${reason}`, {
    hint: 'See in the log of the live server what it refused. Nothing half done is left; the same command can be run again.',
  })
}
