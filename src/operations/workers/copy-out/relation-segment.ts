/** Which files consist of pages with checksums, by their names: see the PostgreSQL manual, "Database File Layout". */

const inDatabase = /^(?:base\/\d+|global|pg_tblspc\/\d+\/PG_[^/]+\/\d+)\/(\d+)(?:_(?:fsm|vm|init))?(?:\.(\d+))?$/

/** The segment number of a relation's file (0 for the first); undefined when it is no relation's. */
export function relationSegmentOf(path: string): number | undefined {
  const match = inDatabase.exec(path)
  return match ? Number(match[2] ?? 0) : undefined
}
