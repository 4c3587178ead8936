/**
 * The catalogues of all databases, as they change: whose a file is, and what it is called.
 *
 * They begin as a base backup has them and follow the WAL from there. A catalogue that moves to another file (VACUUM FULL)
 * can be followed only by one who knew that file when it was filled: then `missed` names it, and the WAL has to be read
 * once more from its start, with that file among the ones to follow.
 */
import type { Lsn } from '../../wal/lsn.ts'
import {
  catalogueOids,
  isInvalidDatabase,
  parseClassRow,
  parseNamedRow,
  type ClassRow,
} from '../heap/catalogue-rows.ts'
import { parseRelationMap } from '../heap/relation-map.ts'
import { TrackedRelation, type TupleChange } from '../heap/tracked-relation.ts'
import type { BlockReference, DecodedRecord, RelationLocator } from '../wal-records/decode-record.ts'
import { heapOperation, heapOperationOf, manager, managerOf } from '../wal-records/manager.ts'
import type { DatabaseName } from './events.ts'

export type CatalogueKind = 'class' | 'namespace' | 'database'

/** A file of a catalogue. */
export interface CatalogueFile extends RelationLocator {
  readonly kind: CatalogueKind
}

/** A row of pg_class that went, came, or changed. */
export interface ClassChange {
  readonly database: number
  readonly before: ClassRow | undefined
  readonly after: ClassRow | undefined
  /** The relation that had the new file before: a copy that was filled for this one. */
  readonly fileCameFrom: number | undefined
}

/** A row of pg_namespace that went, came, or changed: the name of the schema before and after. */
export interface SchemaChange {
  readonly database: number
  readonly oid: number
  readonly before: string | undefined
  readonly after: string | undefined
}

interface Followed extends CatalogueFile {
  readonly pages: TrackedRelation
}

interface DatabaseCatalogue {
  readonly oid: number
  tablespace: number
  /** By `<tablespace>/<file>`. */
  readonly owners: Map<string, ClassRow>
  /** Of what has no file: views, partitioned tables. By oid. */
  readonly fileless: Map<number, ClassRow>
  readonly schemas: Map<number, string>
}

export class Catalogues {
  readonly #major: number
  readonly #pageSizeBytes: number
  /** By the number of the file. */
  readonly #followed = new Map<number, Followed[]>()
  readonly #databases = new Map<number, DatabaseCatalogue>()
  readonly #names = new Map<number, string>()
  /** Databases that a DROP DATABASE has begun to remove: since where. */
  readonly #invalidSince = new Map<number, Lsn>()
  #missed: CatalogueFile | undefined
  #hasBegun = false

  constructor({ postgresMajor, pageSizeBytes }: { postgresMajor: number; pageSizeBytes: number }) {
    this.#major = postgresMajor
    this.#pageSizeBytes = pageSizeBytes
  }

  get missed(): CatalogueFile | undefined {
    return this.#missed
  }

  /** Pages of a file, as a backup has them; none to follow a file that comes later. */
  follow(
    file: CatalogueFile,
    pages: readonly { readonly bytes: Uint8Array; readonly firstBlock: number }[],
  ): void {
    const { relation, kind, database, tablespace } = file
    const followed = this.#find(file) ?? { ...file, pages: new TrackedRelation(this.#pageSizeBytes) }
    if (!this.#find(file)) this.#followed.set(relation, [...(this.#followed.get(relation) ?? []), followed])
    for (const { bytes, firstBlock } of pages) followed.pages.load(bytes, firstBlock)
    if (kind === 'class') this.#database(database).tablespace = tablespace
    this.#learn(followed, followed.pages.tuples())
  }

  /** All that the backup has is there: from now on every file that comes is a new one. */
  begin(): void {
    this.#hasBegun = true
  }

  databaseName(oid: number): DatabaseName {
    return { oid, name: this.#names.get(oid) }
  }

  /** From where on nobody can connect to it any more, committed or not. */
  invalidSince(database: number): Lsn | undefined {
    return this.#invalidSince.get(database)
  }

  get databaseNames(): readonly DatabaseName[] {
    return Array.from(this.#names, ([oid, name]) => ({ oid, name }))
  }

  schemaName(database: number, oid: number): string {
    return this.#databases.get(database)?.schemas.get(oid) ?? `(schema ${String(oid)})`
  }

  ownerOf({ database, tablespace, relation }: RelationLocator): ClassRow | undefined {
    return this.#databases.get(database)?.owners.get(keyOf(tablespace, relation))
  }

  /** What is or was in pg_class. */
  *rowsOf(database: number): Iterable<ClassRow> {
    const catalogue = this.#databases.get(database)
    if (!catalogue) return
    yield* catalogue.owners.values()
    yield* catalogue.fileless.values()
  }

  /** What schemas are called, or were when they went. */
  schemaNamesOf(database: number): Iterable<string> {
    return this.#databases.get(database)?.schemas.values() ?? []
  }

  /** Of a heap's record, or of one with images of pages. */
  apply(
    kindWord: number,
    record: DecodedRecord,
    { startLsn, endLsn }: { readonly startLsn: Lsn; readonly endLsn: Lsn },
  ): { readonly class: ClassChange } | { readonly schema: SchemaChange } | undefined {
    const [first] = record.blocks
    const followed = first && this.#find(first)
    if (!followed) return undefined
    const own = record.blocks.filter(block => isSamePlace(block, followed))
    const change = followed.pages.apply(kindWord, record, own, endLsn)
    if (managerOf(kindWord) === manager.xlog) this.#learnPages(followed, own)
    if (followed.kind === 'database' && isInPlace(kindWord)) this.#noteInvalid(followed, own, startLsn)
    if (!change) return undefined
    if (followed.kind === 'class') return { class: this.#classChange(followed.database, change) }
    this.#learn(followed, change.after ? [change.after] : [])
    const schema = followed.kind === 'namespace' ? schemaChange(followed.database, change) : undefined
    return schema && { schema }
  }

  /** What was rolled back: what was learned of it is forgotten again. The last one comes first. */
  undoClass({ database, before, after }: ClassChange): void {
    const catalogue = this.#database(database)
    if (after?.file === 0) catalogue.fileless.delete(after.oid)
    else if (after) {
      const key = this.#keyOfRow(catalogue, after)
      if (catalogue.owners.get(key)?.oid === after.oid) catalogue.owners.delete(key)
    }
    if (before) this.#learnClass(catalogue, before)
  }

  undoSchema({ database, oid, before }: SchemaChange): void {
    const { schemas } = this.#database(database)
    if (before === undefined) schemas.delete(oid)
    else schemas.set(oid, before)
  }

  /** The data of a relation map that was written: the places of catalogues from now on. */
  applyMap(database: number, tablespace: number, map: Uint8Array): void {
    const files = parseRelationMap(map)
    const kind = database === 0 ? 'database' : 'class'
    const relation = files?.get(catalogueOids[kind])
    if (relation === undefined) return
    const file = { database, tablespace, relation, kind } as const
    const isKnown = kind === 'database' || this.#databases.has(database)
    if (this.#find(file))
      this.#learn({ ...file, pages: new TrackedRelation(0) }, this.#find(file)?.pages.tuples() ?? [])
    // The map of a database that is just being made comes before its pages.
    else if (isKnown) this.#missed ??= file
    else this.follow(file, [])
  }

  /** A database was made by copying the files of another. */
  copyDatabase(database: number, tablespace: number, template: number, templateTablespace: number): void {
    // Schemas first: a row of pg_class names their file.
    const all = [...this.#followed.values()].flat()
    for (const followed of all.toSorted((a, b) => Number(a.kind === 'class') - Number(b.kind === 'class'))) {
      if (followed.database !== template || followed.tablespace !== templateTablespace) continue
      const file = { ...followed, database, tablespace, pages: followed.pages.copy() }
      this.#followed.set(file.relation, [...(this.#followed.get(file.relation) ?? []), file])
      if (file.kind === 'class') this.#database(database).tablespace = tablespace
      this.#learn(file, file.pages.tuples())
    }
  }

  #classChange(database: number, change: TupleChange): ClassChange {
    const catalogue = this.#database(database)
    const before = change.before && parseClassRow(change.before, this.#major)
    const after = change.after && parseClassRow(change.after, this.#major)
    const owner =
      after && after.file !== 0 ? catalogue.owners.get(this.#keyOfRow(catalogue, after)) : undefined
    if (after) this.#learnClass(catalogue, after)
    return {
      database,
      before,
      after,
      fileCameFrom: owner && owner.oid !== after?.oid ? owner.oid : undefined,
    }
  }

  #noteInvalid({ pages }: Followed, blocks: readonly BlockReference[], startLsn: Lsn): void {
    for (const { block } of blocks)
      for (const tuple of pages.tuplesOn(block)) {
        const row = isInvalidDatabase(tuple, this.#major) ? parseNamedRow(tuple) : undefined
        if (row && !this.#invalidSince.has(row.oid)) this.#invalidSince.set(row.oid, startLsn)
      }
  }

  #learnPages(followed: Followed, blocks: readonly BlockReference[]): void {
    for (const { block } of blocks) this.#learn(followed, followed.pages.tuplesOn(block))
  }

  #learn({ kind, database }: Followed, tuples: Iterable<Uint8Array>): void {
    for (const tuple of tuples) {
      if (kind === 'class') {
        const row = parseClassRow(tuple, this.#major)
        if (row) this.#learnClass(this.#database(database), row)
        continue
      }
      const row = parseNamedRow(tuple)
      if (row && kind === 'database') this.#names.set(row.oid, row.name)
      if (row && kind === 'namespace') this.#database(database).schemas.set(row.oid, row.name)
    }
  }

  #learnClass(catalogue: DatabaseCatalogue, row: ClassRow): void {
    if (row.file === 0) {
      catalogue.fileless.set(row.oid, row)
      return
    }
    const key = this.#keyOfRow(catalogue, row)
    const known = catalogue.owners.get(key)
    // While a table is rewritten its new file belongs to a relation that is gone afterwards.
    if (!known || known.oid === row.oid || !isTransient(row)) catalogue.owners.set(key, row)
    if (row.oid === catalogueOids.namespace) this.#followNamespaces(catalogue, row)
  }

  #followNamespaces({ oid: database, tablespace }: DatabaseCatalogue, { file }: ClassRow): void {
    const place = { database, tablespace, relation: file, kind: 'namespace' } as const
    if (this.#hasBegun && !this.#find(place)) this.#missed ??= place
  }

  #keyOfRow({ tablespace }: DatabaseCatalogue, row: ClassRow): string {
    return keyOf(row.tablespace === 0 ? tablespace : row.tablespace, row.file)
  }

  #database(oid: number): DatabaseCatalogue {
    const known = this.#databases.get(oid) ?? {
      oid,
      tablespace: 0,
      owners: new Map(),
      fileless: new Map(),
      schemas: new Map(),
    }
    this.#databases.set(oid, known)
    return known
  }

  #find(place: RelationLocator): Followed | undefined {
    return this.#followed.get(place.relation)?.find(each => isSamePlace(each, place))
  }
}

function schemaChange(database: number, change: TupleChange): SchemaChange | undefined {
  const before = change.before && parseNamedRow(change.before)
  const after = change.after && parseNamedRow(change.after)
  const oid = (before ?? after)?.oid
  return oid === undefined ? undefined : { database, oid, before: before?.name, after: after?.name }
}

const isInPlace = (kindWord: number): boolean =>
  managerOf(kindWord) === manager.heap && heapOperationOf(kindWord) === heapOperation.inPlace
const isTransient = ({ name }: ClassRow): boolean => /^pg_temp_\d+$/.test(name)
const keyOf = (tablespace: number, file: number): string => `${String(tablespace)}/${String(file)}`

function isSamePlace(a: RelationLocator, b: RelationLocator): boolean {
  return a.relation === b.relation && a.database === b.database && a.tablespace === b.tablespace
}
