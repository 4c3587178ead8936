/**
 * What belongs to tables or schemas, what that needs of others, and what of others leans on it: as pg_depend has it.
 *
 * An object *belongs* to another when it goes with it without a word: the index of a table, its default values, its
 * triggers. It *needs* another when that can not be dropped without CASCADE: the type of a column, the table of a view.
 */
import { isFault } from '../../base/fault.ts'
import type { Server, SqlRow } from '../../postgres/connection.ts'

/** Rows of pg_class, pg_proc, …, by the oid of the catalogue and their own. */
export interface Roots {
  readonly catalogues: readonly number[]
  readonly oids: readonly number[]
}

/** As pg_get_object_address takes it, on any server. */
export interface DatabaseObject {
  readonly classid: number
  readonly objid: number
  /** `table`, `function`, `table constraint`, … */
  readonly type: string
  /** For people: `public.twice(integer)`. */
  readonly identity: string
  /** Arrays of PostgreSQL, as text. */
  readonly names: string
  readonly args: string
  /** The extension that it came with. */
  readonly extension: string | null
}

export interface Need extends DatabaseObject {
  /** What needs it: `view sales.totals`. */
  readonly by: string
}

/** Partitions go with their parent, too, but are tables in their own right. */
const belonging = `
  WITH RECURSIVE belongs (classid, objid) AS (
    SELECT root.classid, root.objid FROM unnest($1::oid[], $2::oid[]) AS root (classid, objid)
    UNION
    SELECT d.classid, d.objid FROM belongs b JOIN pg_depend d ON d.refclassid = b.classid AND d.refobjid = b.objid
     WHERE d.deptype IN ('i', 'P', 'S', 'e')
        OR d.deptype = 'a' AND NOT EXISTS (
             SELECT FROM pg_class c WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid AND c.relkind IN ('r', 'p'))
  )`

const identified = `
  SELECT o.*, i.type, i.identity, a.object_names::text AS names, a.object_args::text AS args,
         (SELECT x.extname FROM pg_depend e JOIN pg_extension x ON x.oid = e.refobjid
           WHERE e.classid = o.classid AND e.objid = o.objid AND e.deptype = 'e' AND e.refclassid = 'pg_extension'::regclass) AS extension
    FROM found o, pg_identify_object(o.classid, o.objid, o.objsubid) i,
         pg_identify_object_as_address(o.classid, o.objid, o.objsubid) a
   ORDER BY i.type, i.identity`

const firstOidOfUsers = 16384

export async function needsOf(server: Server, roots: Roots, signal: AbortSignal): Promise<readonly Need[]> {
  return ask<Need & SqlRow>(
    server,
    `${belonging}, found AS (
       SELECT d.refclassid AS classid, d.refobjid AS objid, d.refobjsubid AS objsubid, min(by.type || ' ' || by.identity) AS by
         FROM belongs b JOIN pg_depend d ON d.classid = b.classid AND d.objid = b.objid,
              pg_identify_object(d.classid, d.objid, 0) by
        WHERE d.deptype IN ('n', 'x') AND d.refobjid >= ${String(firstOidOfUsers)} AND d.refclassid <> 'pg_namespace'::regclass
          AND NOT EXISTS (SELECT FROM belongs own WHERE own.classid = d.refclassid AND own.objid = d.refobjid)
        GROUP BY 1, 2, 3) ${identified}`,
    roots,
    signal,
  )
}

/**
 * Objects of others that would be dropped with these by CASCADE, and publications that have them. A rule that makes a view is
 * told as the view.
 */
export async function leaningOn(
  server: Server,
  roots: Roots,
  signal: AbortSignal,
): Promise<readonly DatabaseObject[]> {
  return ask<DatabaseObject & SqlRow>(
    server,
    `${belonging}, found AS (
       SELECT DISTINCT CASE WHEN r.oid IS NULL THEN d.classid ELSE 'pg_class'::regclass::oid END AS classid,
              coalesce(r.ev_class, d.objid) AS objid, CASE WHEN r.oid IS NULL THEN d.objsubid ELSE 0 END AS objsubid
         FROM belongs b JOIN pg_depend d ON d.refclassid = b.classid AND d.refobjid = b.objid
         LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid AND r.rulename = '_RETURN'
        WHERE (d.deptype = 'n' OR d.deptype = 'a' AND d.classid = 'pg_class'::regclass)
          AND NOT EXISTS (SELECT FROM belongs own WHERE own.classid = d.classid AND own.objid = d.objid)
       UNION
       SELECT classid, objid, 0 FROM belongs WHERE classid = 'pg_publication_rel'::regclass) ${identified}`,
    roots,
    signal,
  )
}

/** The same, and what leans on those, and so on. */
export async function allLeaningOn(
  server: Server,
  roots: Roots,
  signal: AbortSignal,
): Promise<readonly DatabaseObject[]> {
  const found = new Map<string, DatabaseObject>()
  let all = roots
  for (let before = -1; before !== found.size;) {
    before = found.size
    for (const one of await leaningOn(server, all, signal)) found.set(nameOf(one), one)
    const more = [...found.values()]
    all = {
      catalogues: [...roots.catalogues, ...more.map(({ classid }) => classid)],
      oids: [...roots.oids, ...more.map(({ objid }) => objid)],
    }
  }
  return [...found.values()]
}

/** Whether there is such an object: of the same name and, for functions, of the same arguments. */
export async function isThere(
  server: Server,
  { type, names, args }: DatabaseObject,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await server.query(
      'SELECT pg_catalog.pg_get_object_address($1, $2::text[], $3::text[])',
      [type, names, args],
      signal,
    )
    return true
  } catch (error) {
    if (isFault(error, 'POSTGRES_REFUSED')) return false
    throw error
  }
}

/** For people. */
export const nameOf = ({ type, identity }: Pick<DatabaseObject, 'type' | 'identity'>): string =>
  `the ${type.replace(/^table (constraint|column)$/, '$1')} ${identity}`

const toldMax = 12

export function listed(all: readonly string[]): string {
  const more = all.length > toldMax ? ` and ${String(all.length - toldMax)} more` : ''
  return all.slice(0, toldMax).join(', ') + more
}

const relations = 1259

export const rootsOfTables = (oids: readonly number[]): Roots => ({
  catalogues: oids.map(() => relations),
  oids,
})

/** All that lies in a schema. What came with an extension belongs to that. */
export async function rootsOfSchemas(
  server: Server,
  schemas: readonly number[],
  signal: AbortSignal,
): Promise<Roots> {
  const rows = await server.query<{ classid: number; objid: number }>(
    `SELECT d.classid, d.objid FROM pg_catalog.pg_depend d
      WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = ANY ($1::oid[]) AND d.deptype = 'n'
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e')`,
    [`{${schemas.join(',')}}`],
    signal,
  )
  return { catalogues: rows.map(({ classid }) => classid), oids: rows.map(({ objid }) => objid) }
}

async function ask<T extends SqlRow>(
  server: Server,
  sql: string,
  { catalogues, oids }: Roots,
  signal: AbortSignal,
): Promise<readonly T[]> {
  return server.query<T>(sql, [`{${catalogues.join(',')}}`, `{${oids.join(',')}}`], signal)
}
