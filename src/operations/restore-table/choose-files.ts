/**
 * Which files of a backup a scratch cluster needs for some tables: everything that the server starts by, the catalogues
 * of their database, and of the tables their heaps and TOAST. Indexes are made anew from their definitions.
 *
 * The catalogues are those of the backup, in every version of their rows: what is doubtful is taken along, and what can
 * not be known yet (a table renamed since) shows when the scratch cluster is asked.
 */
import type { NamePattern } from '../../postgres/dump-archive/name-pattern.ts'
import { parseClassRow, parseNamedRow, parsePair, type ClassRow } from '../../postgres/heap/catalogue-rows.ts'
import { isDatabaseDirectory, parseRelationFileName } from '../../postgres/data-directory/relation-file.ts'
import type { BackupCatalogues } from '../catalogues/backup-catalogues.ts'
import { relationKey } from '../wal-filter.ts'
import { matches } from '../wal-find/choose.ts'

export interface FileChoice {
  readonly database: number
  /** `withheld`: a relation that is known and not needed. `elsewhere`: of another database. */
  judge(path: string): 'needed' | 'withheld' | 'elsewhere'
  /** `<tablespace>/<database>/<file>` of a file in the folder of a database. */
  keyOf(path: string): string | undefined
}

/** Oids below are of what initdb makes. */
const firstOidOfUsers = 16384
/** Large objects, which are no part of a table: they may be most of a database. */
const largeObjects: ReadonlySet<number> = new Set([2613, 2683])
const defaultTablespace = 1663

export async function findDatabase(catalogues: BackupCatalogues, name: string): Promise<number | undefined> {
  let found: number | undefined
  for await (const tuple of catalogues.tuples('database', 0)) {
    const row = parseNamedRow(tuple)
    if (row?.name === name) found = row.oid
  }
  return found
}

/** `alsoOids`: relations that are known to be needed, whatever they were called. */
export async function chooseFiles(
  catalogues: BackupCatalogues,
  {
    database,
    tables,
    alsoOids,
    largeObjects: areObjectsWanted,
    major,
  }: {
    readonly database: number
    readonly tables: readonly NamePattern[]
    readonly alsoOids: readonly number[]
    /** They are no part of a table. */
    readonly largeObjects: boolean
    readonly major: number
  },
): Promise<FileChoice> {
  const rows: ClassRow[] = []
  for await (const tuple of catalogues.tuples('class', database))
    rows.push(...[parseClassRow(tuple, major) ?? []].flat())
  const schemas = new Map<number, string>()
  for await (const tuple of catalogues.tuples('namespace', database)) {
    const row = parseNamedRow(tuple)
    if (row) schemas.set(row.oid, row.name)
  }
  const indexes = await pairs(catalogues, 'index', database)
  const inherits = await pairs(catalogues, 'inherits', database)
  const isNamed = ({ name, namespace, kind }: ClassRow): boolean =>
    'rp'.includes(kind) && tables.some(pattern => matches(pattern, schemas.get(namespace) ?? '', name))
  const wanted = new Set([...alsoOids, ...rows.filter(isNamed).map(({ oid }) => oid)])
  addChildren(wanted, inherits)
  for (const { oid, toast } of rows) if (wanted.has(oid) && toast !== 0) wanted.add(toast)
  const toasts = new Set(
    rows.filter(({ kind, oid }) => kind === 't' && wanted.has(oid)).map(({ oid }) => oid),
  )
  for (const [index, table] of indexes) if (toasts.has(table)) wanted.add(index)
  const home = catalogues.parts.find(part => part.name === 'class' && part.database === database)
  return choiceOf(database, rows, home?.tablespace ?? defaultTablespace, ({ oid, kind }) =>
    oid < firstOidOfUsers ? areObjectsWanted || !largeObjects.has(oid) : kind === 'S' || wanted.has(oid),
  )
}

function choiceOf(
  database: number,
  rows: readonly ClassRow[],
  home: number,
  isNeeded: (row: ClassRow) => boolean,
): FileChoice {
  const needed = new Set<string>()
  const known = new Set<string>()
  for (const row of rows) {
    const tablespace = row.tablespace === 0 ? home : row.tablespace
    const key = relationKey({ tablespace, database, relation: row.file })
    known.add(key)
    if (isNeeded(row)) needed.add(key)
  }
  return {
    database,
    keyOf,
    judge: path => {
      const slash = path.lastIndexOf('/')
      const folder = path.slice(0, slash)
      if (!isDatabaseDirectory(folder)) return 'needed'
      if (folder.slice(folder.lastIndexOf('/') + 1) !== String(database)) return 'elsewhere'
      const key = keyOf(path)
      return key === undefined || needed.has(key) || !known.has(key) ? 'needed' : 'withheld'
    },
  }
}

function keyOf(path: string): string | undefined {
  const match = /^(?:base|pg_tblspc\/(\d+)\/[^/]+)\/(\d+)\/([^/]+)$/.exec(path)
  const relation = parseRelationFileName(match?.[3] ?? '')?.relation
  if (!match || relation === undefined) return undefined
  return relationKey({
    tablespace: Number(match[1] ?? defaultTablespace),
    database: Number(match[2]),
    relation,
  })
}

/** Partitions, and tables that inherit. */
function addChildren(wanted: Set<number>, inherits: readonly (readonly [number, number])[]): void {
  for (let before = -1; before !== wanted.size;) {
    before = wanted.size
    for (const [child, parent] of inherits) if (wanted.has(parent)) wanted.add(child)
  }
}

async function pairs(
  catalogues: BackupCatalogues,
  name: 'index' | 'inherits',
  database: number,
): Promise<readonly (readonly [number, number])[]> {
  const found: (readonly [number, number])[] = []
  for await (const tuple of catalogues.tuples(name, database)) {
    const pair = parsePair(tuple)
    if (pair) found.push(pair)
  }
  return found
}
