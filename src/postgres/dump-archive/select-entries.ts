/**
 * Which entries of an archive are restored, when schemas and tables are chosen. Decides only.
 *
 * What a chosen object needs comes along (its schema, types, functions, sequences, extensions), and so does what hangs on a
 * chosen table (its rows, indexes, constraints, triggers, policies, comments, privileges). Only tables are never pulled in
 * by others: what needs one that was not chosen is left out, and told.
 */
import { encodingOf, textOf, type Archive, type ByteText, type TocEntry } from './archive.ts'
import { isSetting } from './convert.ts'
import type { NamePattern } from './name-pattern.ts'

export interface EntryChoice {
  readonly schemas: readonly NamePattern[]
  readonly excludeSchemas: readonly NamePattern[]
  readonly tables: readonly NamePattern[]
  readonly excludeTables: readonly NamePattern[]
}

export interface ChosenEntries {
  /** In the order of the archive. */
  readonly entries: readonly TocEntry[]
  /** Chosen, and left out for what it needs. */
  readonly leftOut: readonly TocEntry[]
}

/** Objects that rows, or a place of their own, belong to. */
const relations = kinds('TABLE', 'VIEW', 'MATERIALIZED VIEW', 'SEQUENCE', 'FOREIGN TABLE')
/** Relations whose content would be missing if they came along by themselves. */
const holders = kinds('TABLE', 'MATERIALIZED VIEW', 'FOREIGN TABLE')
const ofDatabase = kinds('DATABASE', 'DATABASE PROPERTIES')
/** What is no object of its own, and goes where its table (or what else it belongs to) goes. */
const attachments = kinds(
  'TABLE DATA',
  'TABLE ATTACH',
  'SEQUENCE SET',
  'SEQUENCE OWNED BY',
  'DEFAULT',
  'CONSTRAINT',
  'CHECK CONSTRAINT',
  'FK CONSTRAINT',
  'INDEX',
  'INDEX ATTACH',
  'TRIGGER',
  'RULE',
  'POLICY',
  'ROW SECURITY',
  'STATISTICS',
  'STATISTICS DATA',
  'MATERIALIZED VIEW DATA',
  'COMMENT',
  'ACL',
  'DEFAULT ACL',
  'SECURITY LABEL',
)

export function selectEntries({ entries }: Archive, choice: EntryChoice): ChosenEntries {
  const { schemas, excludeSchemas, tables, excludeTables } = choice
  if ([schemas, excludeSchemas, tables, excludeTables].every(patterns => patterns.length === 0))
    return { entries, leftOut: [] }
  const encoding = encodingOf(entries)
  const text = (bytes: ByteText | undefined): string => textOf(bytes ?? '', encoding)
  const fits = (patterns: readonly NamePattern[], schema: string, name: string): boolean =>
    patterns.some(pattern => (pattern.schema?.test(schema) ?? true) && pattern.name.test(name))
  const schemaOf = (entry: TocEntry): string => text(entry.kind === 'SCHEMA' ? entry.tag : entry.schema)
  const inSchemas = (patterns: readonly NamePattern[], entry: TocEntry): boolean =>
    schemaOf(entry) !== '' && patterns.some(({ name }) => name.test(schemaOf(entry)))
  const isRelation = ({ kind }: TocEntry): boolean => relations.has(kind)

  const isExcluded = (entry: TocEntry): boolean =>
    inSchemas(excludeSchemas, entry) ||
    (isRelation(entry) && fits(excludeTables, schemaOf(entry), text(entry.tag)))
  const isNamed = (entry: TocEntry): boolean => {
    if (schemas.length > 0 && !inSchemas(schemas, entry)) return false
    if (tables.length > 0) return isRelation(entry) && fits(tables, schemaOf(entry), text(entry.tag))
    return schemas.length > 0 ? !attachments.has(entry.kind) : true
  }
  const asked = entries.filter(entry => isNamed(entry) && !isExcluded(entry))
  // Without a list of what is wanted, everything else than what is excluded is.
  if (schemas.length === 0 && tables.length === 0) return allBut(entries, entries.filter(isExcluded))
  return withWhatBelongs(entries, asked, isExcluded)
}

/** Removes entries, and what needs them. */
function allBut(entries: readonly TocEntry[], excluded: readonly TocEntry[]): ChosenEntries {
  const gone = new Set(excluded.map(({ dumpId }) => dumpId))
  const leftOut: TocEntry[] = []
  // Entries stand behind what they depend on, except in rare circles: hence more than once.
  for (let before = -1; before !== gone.size;) {
    before = gone.size
    for (const entry of entries) {
      if (gone.has(entry.dumpId) || !entry.dependencies.some(id => gone.has(id))) continue
      gone.add(entry.dumpId)
      leftOut.push(entry)
    }
  }
  return { entries: entries.filter(({ dumpId }) => !gone.has(dumpId)), leftOut: leftOut.filter(isTold) }
}

function withWhatBelongs(
  entries: readonly TocEntry[],
  asked: readonly TocEntry[],
  isExcluded: (entry: TocEntry) => boolean,
): ChosenEntries {
  const known = new Map(entries.map(entry => [entry.dumpId, entry]))
  const named = new Set(asked.map(({ dumpId }) => dumpId))
  const needs = ({ dependencies }: TocEntry): readonly TocEntry[] =>
    dependencies.map(id => known.get(id)).filter(entry => entry !== undefined)
  const judged = new Map<number, boolean>()
  const canBe = (entry: TocEntry): boolean => {
    const before = judged.get(entry.dumpId)
    if (before !== undefined) return before
    const may = named.has(entry.dumpId) || (!holders.has(entry.kind) && !isExcluded(entry))
    judged.set(entry.dumpId, may) // Meanwhile: the answer for a circle.
    const can = may && needs(entry).every(canBe)
    judged.set(entry.dumpId, can)
    return can
  }
  const chosen = new Set<number>()
  const choose = (entry: TocEntry): void => {
    if (chosen.has(entry.dumpId)) return
    chosen.add(entry.dumpId)
    needs(entry).forEach(choose)
  }
  asked.filter(canBe).forEach(choose)
  const leftOut = new Set(asked.filter(entry => !canBe(entry)))
  for (let before = -1; before !== chosen.size;) {
    before = chosen.size
    for (const entry of entries) {
      const hangs = attachments.has(entry.kind) || isOwnedSequence(entry, known)
      if (!hangs || chosen.has(entry.dumpId) || !entry.dependencies.some(id => chosen.has(id))) continue
      if (canBe(entry)) choose(entry)
      else leftOut.add(entry)
    }
  }
  return {
    entries: entries.filter(
      entry => isSetting(entry) || ofDatabase.has(entry.kind) || chosen.has(entry.dumpId),
    ),
    leftOut: [...leftOut].filter(isTold),
  }
}

/** That of an identity column is made by changing its table. */
function isOwnedSequence({ kind, dependencies }: TocEntry, known: ReadonlyMap<number, TocEntry>): boolean {
  return kind === 'SEQUENCE' && dependencies.some(id => known.get(id)?.kind === 'TABLE')
}

/** Comments and privileges of something that is left out go without saying. */
function isTold({ kind }: TocEntry): boolean {
  return !attachments.has(kind) || kind === 'FK CONSTRAINT' || kind === 'TABLE ATTACH'
}

function kinds(...names: readonly string[]): ReadonlySet<ByteText | undefined> {
  return new Set(names)
}
