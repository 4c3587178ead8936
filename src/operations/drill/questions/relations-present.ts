/**
 * Whether every relation of the catalogues has its files, in the size that it must have had: a file of a table may be missing without
 * anybody noticing before somebody reads it, and the last of its 1 GiB pieces may be missing without anybody noticing at all.
 */
import { formatCount } from '../../../base/units.ts'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../../../base/fault.ts'
import { inParallel } from '../../../base/in-parallel.ts'
import type { Server, SqlRow } from '../../../postgres/connection.ts'
import { readControlFile } from '../../../postgres/control-file.ts'
import { failed, ok, type Answer } from '../checklist.ts'
import { openIn } from '../restored-cluster.ts'
import type { Asking } from './asking.ts'
import { drillLimits } from '../drill-limits.ts'

interface StoredRelation extends SqlRow {
  readonly oid: number
  readonly name: string
  readonly path: string
  /** As vacuum saw it last: it may have grown since, and never becomes smaller by whole pieces. */
  readonly pages: number
}

export interface FileShape {
  readonly blockSizeBytes: number
  readonly segmentBlocks: number
}

export async function askRelations({ cluster, databases }: Asking, signal: AbortSignal): Promise<Answer> {
  const { control } = await readControlFile(cluster.dataDirectory)
  const shape = { blockSizeBytes: control.blockSizeBytes, segmentBlocks: control.relationSegmentBlocks }
  const troubles: string[] = []
  let count = 0
  for (const database of databases) {
    await using session = await openIn(cluster, database, signal)
    for await (const relations of pagesOf(session, signal)) {
      count += relations.length
      await inParallel(
        relations,
        16,
        async ({ name, path, pages }) => {
          const sizes = await sizesOf(join(cluster.dataDirectory, path))
          const trouble = judgeFiles(sizes, pages, shape)
          if (trouble !== undefined) troubles.push(`${database}: ${name} (${path}) ${trouble}`)
        },
        signal,
      )
    }
  }
  const evidence = `${formatCount(count)} relations of ${String(databases.length)} databases`
  if (troubles.length === 0) return ok(evidence)
  return failed(`${String(troubles.length)} relations lack files`, [...troubles, evidence])
}

/** What is wrong with the pieces of a relation; `sizes` are those of the pieces that follow one another. */
export function judgeFiles(
  sizes: readonly number[],
  pagesOnce: number,
  { blockSizeBytes, segmentBlocks }: FileShape,
): string | undefined {
  if (sizes.length === 0) return 'has no file'
  const blocks = Math.floor(sizes.reduce((sum, size) => sum + size, 0) / blockSizeBytes)
  const endsWithPiece = blocks > 0 && blocks % segmentBlocks === 0
  if (!endsWithPiece || pagesOnce <= blocks) return undefined
  return `had ${String(pagesOnce)} pages, and its files end after ${String(blocks)}: the next piece is missing`
}

async function sizesOf(path: string): Promise<readonly number[]> {
  const sizes: number[] = []
  for (let segment = 0; ; segment++) {
    const size = await sizeOf(segment === 0 ? path : `${path}.${String(segment)}`)
    if (size === undefined) return sizes
    sizes.push(size)
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

async function* pagesOf(session: Server, signal: AbortSignal): AsyncGenerator<readonly StoredRelation[]> {
  for (let after = 0; ;) {
    const rows = await session.query<StoredRelation>(relationsSql, [after, drillLimits.cataloguePage], signal)
    yield rows
    const last = rows.at(-1)
    if (!last || rows.length < drillLimits.cataloguePage) return
    after = last.oid
  }
}

/** Temporary ones are nobody's any more. */
const relationsSql = `
  SELECT c.oid, n.nspname || '.' || c.relname AS name, pg_catalog.pg_relation_filepath(c.oid) AS path,
         CASE WHEN c.relpersistence = 'p' THEN c.relpages ELSE 0 END AS pages
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.oid > $1::oid AND c.relpersistence <> 't' AND pg_catalog.pg_relation_filepath(c.oid) IS NOT NULL
   ORDER BY c.oid LIMIT $2`
