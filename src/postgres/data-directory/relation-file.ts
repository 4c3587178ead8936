/**
 * Which files of a data directory hold pages of relations, by their paths.
 *
 * A relation is a file number; each of its forks is one or more files ("segments", 1 GiB unless built otherwise):
 * `16384`, `16384.1`, `16384_fsm`, `16384_vm`, `16384_init`. See parse_filename_for_nontemp_relation in
 * src/backend/storage/file/reinit.c, and the manual, "Database File Layout".
 */
export type RelationFork = 'main' | 'fsm' | 'vm' | 'init'

export interface RelationFile {
  readonly relation: number
  readonly fork: RelationFork
  /** Counts the files of the fork from 0. */
  readonly segment: number
}

/** `path` is relative to the data directory. Undefined: the file holds no pages with checksums. */
export function relationFileAt(path: string): RelationFile | undefined {
  const slash = path.lastIndexOf('/')
  return isRelationDirectory(path.slice(0, slash)) ? parseRelationFileName(path.slice(slash + 1)) : undefined
}

/** The number, within its whole fork, of a file's first page: it is part of each page's checksum. */
export function firstBlockOf(file: RelationFile, relationSegmentBlocks: number): number {
  return file.segment * relationSegmentBlocks
}

/** `global`, the folder of a database, or that of a database's part in a tablespace. */
export function isRelationDirectory(path: string): boolean {
  return path === 'global' || isDatabaseDirectory(path)
}

export function isDatabaseDirectory(path: string): boolean {
  return /^(?:base|pg_tblspc\/\d+\/PG_\d+_\d+)\/\d+$/.test(path)
}

export function parseRelationFileName(name: string): RelationFile | undefined {
  const match = /^([1-9]\d{0,9})(?:_(fsm|vm|init))?(?:\.([1-9]\d*))?$/.exec(name)
  const relation = Number(match?.[1])
  if (!match || relation > 0xffff_ffff) return undefined
  return { relation, fork: forks[match[2] ?? ''] ?? 'main', segment: Number(match[3] ?? 0) }
}

const forks: Readonly<Record<string, RelationFork>> = { fsm: 'fsm', vm: 'vm', init: 'init' }

/** `t3_16384`, `t3_16384_fsm.1`: a temporary relation of the session with that number. */
export function isTemporaryRelation(name: string): boolean {
  return /^t\d+_\d+(?:_(?:fsm|vm|init))?(?:\.\d+)?$/.test(name)
}
