/** What is said when a name that was given means nothing at the target: it may be no table, or be called otherwise. */
import { Fault } from '../../base/fault.ts'
import type { Server, SqlRow } from '../../postgres/connection.ts'
import type { NamePattern } from '../../postgres/dump-archive/name-pattern.ts'
import { matches } from '../wal-find/choose.ts'
import { nearNames } from '../wal-find/known-names.ts'
import { describeScope, type Scope } from './scope.ts'

export interface Missing {
  readonly scope: Exclude<Scope, { kind: 'database' }>
  /** For people: the point to which was recovered. */
  readonly target: string
}

/** `scope`: only what is missing of it. */
export async function notThere(
  server: Server,
  { scope, target }: Missing,
  signal: AbortSignal,
): Promise<Fault> {
  const [pattern] = scope.patterns
  const near = pattern ? await lookAround(server, scope.kind, pattern, signal) : []
  const other = near.find(({ what }) => what !== undefined)
  if (other)
    return new Fault(
      'TARGET_UNREACHABLE',
      `${scope.names[0] ?? ''} is a ${other.what ?? ''} at ${target}, and no table`,
      {
        hint: 'Only tables come back by themselves; what else there is comes with its schema (--schema NAME) or its database.',
      },
    )
  const [first, ...others] = near.map(({ name }) => name)
  const meant = first === undefined ? '' : `Did you mean ${[first, ...others].join(', ')}? `
  return new Fault('TARGET_UNREACHABLE', `there is no ${describeScope(scope)} at ${target}`, {
    hint: `${meant}See with holdfast wal find --${scope.kind === 'schemas' ? 'schema' : 'table'} when it was there; name it as psql takes it, and its database with --database. What the server has not archived yet is handed over with SELECT pg_switch_wal().`,
  })
}

interface Near {
  readonly name: string
  /** What of this very name it is, when it is no table. */
  readonly what: string | undefined
}

interface RelationRow extends SqlRow {
  readonly schema: string
  readonly name: string
  readonly kind: string
}

const otherKinds: Readonly<Record<string, string>> = {
  v: 'view',
  m: 'materialized view',
  S: 'sequence',
  f: 'foreign table',
}

async function lookAround(
  server: Server,
  kind: Missing['scope']['kind'],
  pattern: NamePattern,
  signal: AbortSignal,
): Promise<readonly Near[]> {
  if (kind === 'schemas') {
    const schemas = await server.query<{ name: string }>(
      "SELECT nspname::text AS name FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_'",
      [],
      signal,
    )
    const names = schemas.map(({ name }) => ({ schema: undefined, name }))
    return nearNames(pattern, names).map(name => ({ name, what: undefined }))
  }
  const relations = await server.query<RelationRow>(
    `SELECT n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.oid >= 16384 AND c.relpersistence <> 't'`,
    [],
    signal,
  )
  const other = relations.find(one => one.kind in otherKinds && matches(pattern, one.schema, one.name))
  if (other) return [{ name: other.name, what: otherKinds[other.kind] }]
  const tables = relations.filter(one => !(one.kind in otherKinds))
  return nearNames(pattern, tables).map(name => ({ name, what: undefined }))
}
