/** What is copied out of a scratch cluster, and what came of it. */
import type { Progress } from '../../base/progress.ts'
import type { Archive } from '../../postgres/dump-archive/archive.ts'
import type { Sides } from './pass-through.ts'
import type { Destination, Placed } from './live-tables.ts'
import type { Scratch } from './scratch.ts'
import type { ScratchTable } from './scratch-tables.ts'
import type { Scope } from './scope.ts'

export interface CopyRequest extends Sides {
  readonly scope: Scope
  readonly destination: Destination
  /** A name that nobody has. */
  readonly staging: string
}

/** A scratch cluster whose tables have been read to their last page. */
export interface Proven {
  readonly scratch: Scratch
  readonly tables: readonly ScratchTable[]
}

/** A schema or a database that came back with all that is in it. */
export interface WholePlaced {
  readonly kind: 'schema' | 'database'
  readonly from: string
  readonly name: string
  /** What the one is called now that it replaced. */
  readonly replaced: string | undefined
}

export interface Copied {
  readonly placed: readonly Placed[]
  readonly wholes: readonly WholePlaced[]
  /** How many objects came, by what pg_dump calls them: `TABLE`, `VIEW`, … Only of schemas and databases. */
  readonly objects?: Readonly<Record<string, number>>
  readonly warnings: readonly string[]
}

/** Returns what is told of the bytes that go through. */
export function beginCopying(
  { progress }: { readonly progress: Progress },
  what: string,
): (bytes: number) => void {
  progress.phase(`copying ${what}`)
  return bytes => {
    progress.advance(bytes)
  }
}

/** Parts of others, and what only goes with them: nobody counts these. */
const parts = new Set([
  ...['ENCODING', 'STDSTRINGS', 'SEARCHPATH', 'DATABASE', 'DATABASE PROPERTIES', 'SCHEMA', 'TABLE DATA'],
  ...['SEQUENCE SET', 'SEQUENCE OWNED BY', 'DEFAULT', 'ACL', 'DEFAULT ACL', 'COMMENT', 'SECURITY LABEL'],
  ...['TABLE ATTACH', 'INDEX ATTACH', 'MATERIALIZED VIEW DATA', 'STATISTICS DATA', 'ROW SECURITY'],
  ...['BLOB', 'BLOBS', 'BLOB METADATA', 'CONSTRAINT', 'FK CONSTRAINT', 'CHECK CONSTRAINT', 'INDEX'],
])

export function kindsOf({ entries }: Archive): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { kind = '' } of entries) if (!parts.has(kind)) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}
