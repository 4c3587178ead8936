/**
 * Several pg_dumps at the same time, in one snapshot. The first gives the table of contents, and is not read any further: it
 * holds its locks on all tables until the others, which give the data, hold theirs. Then it is ended, since a server's
 * process that can not get rid of its rows holds up others: no database can be dropped meanwhile. The data is put where the first one's contents say.
 */
import { Fault } from '../../base/fault.ts'
import { inParallel } from '../../base/in-parallel.ts'
import { limits } from '../../base/limits.ts'
import {
  encodingOf,
  isLargeObjects,
  textOf,
  type Archive,
  type TocEntry,
} from '../../postgres/dump-archive/archive.ts'
import { ArchiveParser } from '../../postgres/dump-archive/archive-parser.ts'
import { toDirectory } from '../../postgres/dump-archive/convert.ts'
import { encodeArchive } from '../../postgres/dump-archive/toc.ts'
import type { ClientOutput } from '../../postgres/dump/client-output.ts'
import { dataArguments, dumpArguments, tablePattern } from '../../postgres/dump/dump-arguments.ts'
import type { DumpedData } from '../../repository/format/dump-contents.ts'
import { assignTables, type TableToDump } from './assign-tables.ts'
import { howToDump, startPgDump, type DatabaseRun, type DumpedParts } from './database-run.ts'
import { DirectoryFiles } from './directory-files.ts'
import { assertSnapshotIsGood } from './good-snapshot.ts'
import { splitStream, type Split } from './split-stream.ts'

export async function dumpDirectory(
  run: DatabaseRun,
  jobs: number,
  outer: AbortSignal,
): Promise<DumpedParts> {
  const { number, place, clock, selection, lockWaitMs, session } = run
  const how = howToDump(run)
  const files = new DirectoryFiles({ place, number, nowMs: () => clock.now() }, outer)
  try {
    await using leader = startPgDump(run, dumpArguments(selection, how), outer)
    const archive = await readContents(leader)
    await assertSnapshotIsGood(session, outer)
    const split: Split = { archive, data: [], files: [], awaited: awaitedOf(archive) }
    const tocBytes = encodeArchive(toDirectory(archive))
    const toc = files.begin('toc.dat')
    await toc.write(tocBytes)
    split.files.push({ name: 'toc.dat', ...(await toc.end()) })
    const [, ...named] = await assign(run, archive, jobs, how.encoding, outer)
    const taken = named.flat()
    const rest = { ...selection, excludeTableData: [...selection.excludeTableData, ...taken] }
    // The leader holds its locks until these have theirs, so one that waits behind somebody's stronger lock would wait for ever.
    const soon = { ...how, lockWaitMs: lockWaitMs ?? limits.dumpJobLockMsMax }
    const whole = dumpArguments(rest, soon)
    const streams = [whole, ...named.map(tables => dataArguments(tables, soon))]
    const warnings: string[] = []
    let notLocked = streams.length
    const endLeader = (): void => {
      if (--notLocked === 0) void Promise.resolve(leader[Symbol.asyncDispose]()).catch(() => undefined)
    }
    await inParallel(
      streams,
      streams.length,
      async (args, signal) => {
        await using output = startPgDump(run, args, signal)
        await splitStream(run, split, files, output, endLeader)
        // What the others say is of dumps without definitions, which this one is not: that foreign keys go in circles.
        if (args === whole) warnings.push(...output.warnings())
      },
      outer,
    )
    assertAllThere(split)
    const objects = await files.finish()
    return {
      shape: 'directory',
      rawBytes: tocBytes.length + rawBytesOf(split.data),
      objects,
      data: inOrder(split.data),
      files: split.files,
      warnings: [...new Set(warnings)],
    }
  } catch (error) {
    await files.abort()
    throw error
  }
}

/** Reads no further than the table of contents: what follows stays in the pipe, and its writer waits. */
async function readContents({ bytes }: ClientOutput): Promise<Archive> {
  let archive: Archive | undefined
  const parser = new ArchiveParser({
    toc: read => {
      archive = read
    },
  })
  const stream = bytes[Symbol.asyncIterator]()
  for (let next = await stream.next(); next.done !== true; next = await stream.next()) {
    parser.push(next.value)
    if (archive) return archive
  }
  // Without any data it may have ended by now.
  parser.end()
  throw new Error('assertion failed: an archive that is complete has a table of contents')
}

const awaitedOf = ({ entries }: Archive): Map<number, TocEntry> =>
  new Map(entries.filter(({ hasData }) => hasData).map(entry => [entry.dumpId, entry]))

/** Tables that are named on a command line are those of the database itself, whose names survive it. */
async function assign(
  { session }: DatabaseRun,
  { entries }: Archive,
  jobs: number,
  clientEncoding: string,
  signal: AbortSignal,
): Promise<readonly (readonly string[])[]> {
  const rows = await session.query<{ oid: string; bytes: string }>(sizesSql, [], signal)
  const sizes = new Map(rows.map(({ oid, bytes }) => [oid, Number(bytes)]))
  const encoding = encodingOf(entries)
  const own = new Set(entries.filter(({ kind }) => kind === 'TABLE').map(({ oid }) => oid))
  const tables: TableToDump[] = []
  let restBytes = 0
  for (const { hasData, oid, schema, tag } of entries) {
    if (!hasData) continue
    const sizeBytes = sizes.get(oid ?? '') ?? 0
    const isNameSafe = clientEncoding === 'UTF8' || /^[\x20-\x7e]*$/.test(`${schema ?? ''}${tag ?? ''}`)
    if (own.has(oid) && isNameSafe && schema !== undefined && tag !== undefined)
      tables.push({ pattern: tablePattern(textOf(schema, encoding), textOf(tag, encoding)), sizeBytes })
    else restBytes += sizeBytes
  }
  return assignTables(tables, restBytes, jobs)
}

const sizesSql = `SELECT oid::text AS oid, pg_table_size(oid)::text AS bytes FROM pg_class WHERE relkind IN ('r', 'm')`

function assertAllThere({ awaited }: Split): void {
  const [missing] = awaited.values()
  if (!missing) return
  const what = isLargeObjects(missing) ? 'the large objects' : `${missing.schema ?? ''}.${missing.tag ?? ''}`
  throw new Fault('DUMP_FAILED', `pg_dump gave no rows of ${what}, though its table of contents names them`, {
    hint: 'A table was renamed or moved while the dump began. Run it again.',
  })
}

const rawBytesOf = (data: readonly DumpedData[]): number =>
  data.reduce((sum, { rawBytes }) => sum + rawBytes, 0)

const inOrder = (data: readonly DumpedData[]): readonly DumpedData[] =>
  data.toSorted((a, b) => a.dumpId - b.dumpId)
