/** What the live server says of names that no catalogue in the repository has: they may be newer than what is archived. */
import { Fault, isFault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { nearest } from '../../base/nearest.ts'
import type { Server } from '../../postgres/connection.ts'
import { connectIn, type TargetPlace } from '../restore-dump/target-place.ts'
import { matches } from './choose.ts'
import { nearNames, type Name } from './known-names.ts'
import type { FindReport, FindRequest, UnknownName } from './report.ts'

export interface SoughtName extends UnknownName {
  readonly isLive: boolean
}

export interface LiveNames {
  readonly names: readonly SoughtName[]
  /** Why it could not be asked. */
  readonly trouble: string | undefined
}

export async function soughtInLive(
  place: () => Promise<TargetPlace>,
  unknown: readonly UnknownName[],
  request: Pick<FindRequest, 'database' | 'schemas'>,
  signal: AbortSignal,
): Promise<LiveNames> {
  if (unknown.length === 0) return { names: [], trouble: undefined }
  try {
    const { tables, schemas } = await namesInLive(await place(), request.database, signal)
    const names = unknown.map(({ pattern, near }) => {
      const isSchema = request.schemas.includes(pattern)
      const isLive = isSchema
        ? schemas.some(({ name }) => pattern.name.test(name))
        : tables.some(({ schema = '', name }) => matches(pattern, schema, name))
      const all = new Set([...near, ...nearNames(pattern, isSchema ? schemas : tables)])
      return { pattern, near: [...all].slice(0, limits.walFindNearMax), isLive }
    })
    return { names, trouble: undefined }
  } catch (error) {
    signal.throwIfAborted()
    if (!isFault(error)) throw error
    return { names: unknown.map(one => ({ ...one, isLive: false })), trouble: error.message }
  }
}

/** `told`: as it was asked for, `table public.usres`. */
export function noSuchName(told: string, near: readonly string[], trouble: string | undefined): Fault {
  const where =
    trouble === undefined
      ? 'neither in the live server, nor in the catalogues and the WAL that were read'
      : `in the catalogues and the WAL that were read (the live server could not be asked: ${trouble})`
  const [one, ...others] = near
  const hint =
    one === undefined
      ? 'Write the name as psql takes it: public.users, "Odd.Name". See what happened to all with holdfast wal find --between T1 T2.'
      : `Did you mean ${others.length === 0 ? one : `one of ${near.join(', ')}`}?`
  return new Fault('NAME_NOT_FOUND', `there is no ${told}, ${where}`, { hint })
}

/** When nothing that was found is of it. */
export function assertDatabaseKnown({ findings, databases }: FindReport, name: string | undefined): void {
  if (name === undefined || findings.length > 0 || databases.includes(name)) return
  const near = nearest(name, databases)
  throw new Fault('NAME_NOT_FOUND', `no database ${name} is in the catalogues and the WAL that were read`, {
    hint: near === undefined ? `There are: ${databases.join(', ')}.` : `Did you mean ${near}?`,
  })
}

interface Names {
  readonly tables: readonly Name[]
  readonly schemas: readonly Name[]
}

/** In all databases that one may connect to, or in this one. */
async function namesInLive(
  place: TargetPlace,
  only: string | undefined,
  signal: AbortSignal,
): Promise<Names> {
  const { database = place.target.user ?? 'postgres' } = place.target
  await using first = await connectIn(place, database, signal)
  const databases = await first.query<{ name: string }>(
    `SELECT datname::text AS name FROM pg_catalog.pg_database
      WHERE datallowconn AND NOT datistemplate AND pg_catalog.has_database_privilege(oid, 'CONNECT')`,
    [],
    signal,
  )
  const found: Names[] = []
  for (const { name } of databases.filter(each => only === undefined || each.name === only)) {
    await using server = await connectIn(place, name, signal)
    found.push(await namesIn(server, signal))
  }
  return { tables: found.flatMap(({ tables }) => tables), schemas: found.flatMap(({ schemas }) => schemas) }
}

async function namesIn(server: Server, signal: AbortSignal): Promise<Names> {
  const tables = await server.query<{ schema: string; name: string }>(
    `SELECT n.nspname::text AS schema, c.relname::text AS name
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f', 'S') AND c.relpersistence <> 't'
        AND n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema')`,
    [],
    signal,
  )
  const schemas = await server.query<{ name: string }>(
    "SELECT nspname::text AS name FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_'",
    [],
    signal,
  )
  return { tables, schemas: schemas.map(({ name }) => ({ schema: undefined, name })) }
}
