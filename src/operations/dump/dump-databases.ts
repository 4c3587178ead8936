/**
 * All databases of a dump, one after another. A snapshot holds for one database, and is taken when its turn comes: an older one
 * would miss tables that were truncated or rewritten meanwhile, fail for those that were dropped, and keep vacuum from its work.
 */
import { errnoOf, isFault } from '../../base/fault.ts'
import { clientEnvironment } from '../../postgres/client-environment.ts'
import { connectTo } from '../../postgres/connection.ts'
import type { Database } from '../../postgres/dump/databases.ts'
import type { HeldSnapshot } from '../../postgres/dump/held-snapshot.ts'
import type { DumpedDatabase } from '../../repository/format/dump-record.ts'
import { storeContents } from './contents.ts'
import { dumpCustom } from './custom-shape.ts'
import type { DatabaseRun, DumpedParts } from './database-run.ts'
import { dumpDirectory } from './directory-shape.ts'
import { inGoodSnapshot } from './good-snapshot.ts'
import type { DumpDeps, DumpRequest, DumpSource } from './dump.ts'
import type { ObjectPlace } from './sealed-object.ts'

export interface DatabasesRequest {
  readonly id: string
  readonly request: DumpRequest
  readonly source: DumpSource
  readonly place: ObjectPlace
}

export interface DumpedDatabases {
  readonly databases: readonly DumpedDatabase[]
  readonly warnings: readonly string[]
}

export async function dumpDatabases(
  deps: DumpDeps,
  given: DatabasesRequest,
  signal: AbortSignal,
): Promise<DumpedDatabases> {
  const done: DumpedDatabase[] = []
  const warnings: string[] = []
  for (const database of given.source.databases) {
    const one = await dumpOne(deps, given, { database, number: done.length + 1 }, signal).catch(
      (error: unknown) => {
        if (given.request.databases.length > 0 || !isGone(error)) throw error
      },
    )
    if (!one) {
      warnings.push(`${database.name}: it was dropped before its turn came, and is not in this dump`)
      continue
    }
    done.push(one.database)
    warnings.push(...one.warnings.map(warning => `${database.name}: ${warning}`))
  }
  return { databases: done, warnings }
}

/** PostgreSQL's code for a database that one can not connect to, since it does not exist. */
const isGone = (error: unknown): boolean => isFault(error) && errnoOf(error.cause) === '3D000'

async function dumpOne(
  deps: DumpDeps,
  { id, request, source, place }: DatabasesRequest,
  { database, number }: { readonly database: Database; readonly number: number },
  outer: AbortSignal,
): Promise<{ readonly database: DumpedDatabase; readonly warnings: readonly string[] }> {
  const { world, progress, rates } = deps
  const target = { ...deps.target, database: database.name }
  const how = { environment: deps.environment, applicationName: 'holdfast dump' }
  await using session = await connectTo(target, how, outer)
  const signal = AbortSignal.any([outer, session.lost])
  progress.phase(`dumping ${database.name}`)
  const begunMs = world.clock.monotonicMs()
  const dumpIn = async (snapshot: HeldSnapshot): Promise<DumpedParts> => {
    const run: DatabaseRun = {
      database,
      number,
      snapshot,
      session,
      selection: request.selection,
      lockWaitMs: request.lockWaitMs,
      pgDump: source.pgDump.path,
      environment: clientEnvironment(target, deps.environment),
      place,
      progress,
      clock: world.clock,
      rates,
    }
    return request.jobs > 1 ? dumpDirectory(run, request.jobs, signal) : dumpCustom(run, signal)
  }
  const { parts, snapshot } = await inGoodSnapshot({ session, progress }, dumpIn, signal)
  const durationMs = Math.round(world.clock.monotonicMs() - begunMs)
  const { data, files, objects, shape, rawBytes } = parts
  const contents = await storeContents(
    place,
    { dump: id, number, options: request.selection, data, files },
    outer,
  )
  const tables = data.filter(({ table }) => table !== null)
  return {
    database: {
      number,
      name: database.name,
      oid: database.oid,
      owner: database.owner,
      encoding: database.encoding,
      shape,
      snapshotLsn: snapshot.lsn,
      snapshotAt: new Date(snapshot.takenMs).toISOString(),
      tables: tables.length,
      rows: sum(tables.map(({ rows }) => rows)),
      largeObjects: sum(data.filter(({ table }) => table === null).map(({ rows }) => rows)),
      rawBytes,
      objects,
      contents,
      durationMs,
    },
    warnings: parts.warnings,
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)
