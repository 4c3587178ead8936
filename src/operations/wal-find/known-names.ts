/** Whether what was asked for is, or was, in the catalogues; and what is called nearly so. */
import { allNear } from '../../base/nearest.ts'
import { limits } from '../../base/limits.ts'
import type { NamePattern } from '../../postgres/dump-archive/name-pattern.ts'
import { quoteIdentifier } from '../../postgres/grants.ts'
import type { Catalogues } from '../../postgres/table-history/catalogues.ts'
import type { RelationEvent } from '../../postgres/table-history/events.ts'
import { isTold } from '../../postgres/table-history/summarise.ts'
import { stagingPattern } from '../restore-table/staging-name.ts'
import { isTable, matches, placesOf } from './choose.ts'
import type { FindRequest, Finding, UnknownName } from './report.ts'

export interface Name {
  /** Undefined for a schema. */
  readonly schema: string | undefined
  readonly name: string
}

export class KnownNames {
  readonly #request: FindRequest
  readonly #catalogues: Catalogues
  /** In which databases they were when the WAL began: what is renamed later is known by that, too. */
  readonly #atFirst: ReadonlyMap<NamePattern, ReadonlySet<number>>

  constructor(request: FindRequest, catalogues: Catalogues) {
    this.#request = request
    this.#catalogues = catalogues
    this.#atFirst = new Map(
      this.#patterns.map(pattern => [
        pattern,
        new Set(this.#databases.filter(oid => this.#isThere(pattern, oid))),
      ]),
    )
  }

  isKnown(pattern: NamePattern, database: number): boolean {
    return this.#atFirst.get(pattern)?.has(database) === true || this.#isThere(pattern, database)
  }

  unknown(findings: readonly Finding[]): readonly UnknownName[] {
    return this.#patterns
      .filter(pattern => !this.#databases.some(oid => this.isKnown(pattern, oid)))
      .filter(pattern => !findings.some(finding => 'oid' in finding && this.#names(finding, pattern)))
      .map(pattern => ({ pattern, near: this.#near(pattern) }))
  }

  /** It may have had the name between the first and the last. */
  #names(finding: Finding & RelationEvent, pattern: NamePattern): boolean {
    if (this.#request.schemas.includes(pattern)) return false
    return placesOf(finding).some(({ schema, name }) => matches(pattern, schema, name))
  }

  get #patterns(): readonly NamePattern[] {
    return [...this.#request.tables, ...this.#request.schemas]
  }

  get #databases(): readonly number[] {
    const { database } = this.#request
    return this.#catalogues.databaseNames
      .filter(({ name }) => database === undefined || name === database)
      .map(({ oid }) => oid)
  }

  #isThere(pattern: NamePattern, database: number): boolean {
    for (const { schema, name } of this.#namesIn(database, pattern))
      if (schema === undefined ? pattern.name.test(name) : matches(pattern, schema, name)) return true
    return false
  }

  /** Of schemas when the pattern is for them, else of tables. */
  *#namesIn(database: number, pattern: NamePattern): Iterable<Name> {
    if (this.#request.schemas.includes(pattern)) {
      for (const name of this.#catalogues.schemaNamesOf(database)) yield { schema: undefined, name }
      return
    }
    for (const row of this.#catalogues.rowsOf(database))
      if (isTold(row) && isTable(row.kind))
        yield { schema: this.#catalogues.schemaName(database, row.namespace), name: row.name }
  }

  #near(pattern: NamePattern): readonly string[] {
    return nearNames(
      pattern,
      this.#databases
        .flatMap(oid => [...this.#namesIn(oid, pattern)])
        .filter(({ schema }) => schema !== 'information_schema'),
    )
  }
}

const isStaging = new RegExp(stagingPattern)

/**
 * At most `limits.walFindNearMax`, as they are to be written, those of the schema that was named first; none for a pattern that
 * stands for many.
 */
export function nearNames({ plain }: NamePattern, names: readonly Name[]): readonly string[] {
  if (!plain) return []
  const byName = Map.groupBy(
    names.filter(({ schema, name }) => !isStaging.test(schema ?? name)),
    ({ name }) => name,
  )
  const near = allNear(plain.name, [...byName.keys()]).flatMap(name => byName.get(name) ?? [])
  const isElsewhere = ({ schema }: Name): number =>
    Number(plain.schema !== undefined && schema !== plain.schema)
  const written = near
    .toSorted((a, b) => isElsewhere(a) - isElsewhere(b))
    .map(({ schema, name }) =>
      [schema, name].flatMap(part => (part === undefined ? [] : [quoteIdentifier(part)])).join('.'),
    )
  return [...new Set(written)].slice(0, limits.walFindNearMax)
}
