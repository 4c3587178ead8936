/** Brings a dump back in scratch space: a new cluster, the roles, and each database by the way that `restore-dump` goes. */
import { chown, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isFault } from '../../base/fault.ts'
import { makeCluster } from '../../postgres/local-server/make-cluster.ts'
import { findServer } from '../../postgres/tools.ts'
import type { DrillRowCount } from '../../repository/format/drill-record.ts'
import type { DumpedDatabase, DumpRecord } from '../../repository/format/dump-record.ts'
import { layOutRestoreDump, type RestoreDumpDeps } from '../restore-dump/lay-out.ts'
import { restoreDump } from '../restore-dump/restore-dump.ts'
import { startScratchServer } from '../scratch/scratch-server.ts'
import type { DumpCopy } from '../sources/dumps.ts'
import { describeTrouble, type TroubleLog } from '../sources/trouble.ts'
import type { BringUpDeps, BringUpPlace } from './bring-up.ts'
import { inShort } from './checklist.ts'
import type { BroughtBack } from './restore-backup.ts'
import { connectAsSuperuser } from './restored-cluster.ts'

/** A dump that was chosen, and nothing done with it yet. */
export interface LaidOutDump {
  readonly kind: 'dump'
  readonly record: DumpRecord
  readonly copies: readonly DumpCopy[]
  readonly troubles: TroubleLog
  /** Who asked to be forgotten is forgotten here, too, before the database gets its name. */
  readonly forget: (database: DumpedDatabase) => Forgetting
}

export interface Forgetting {
  /** Undefined: there is nobody to forget. */
  readonly beforeNaming: RestoreDumpDeps['beforeNaming']
  /** What was done, each worth a note. */
  readonly applied: () => readonly string[]
}

const superuser = 'postgres'

export async function restoreDumps(
  deps: BringUpDeps,
  { record, copies, troubles, forget }: LaidOutDump,
  place: BringUpPlace,
  signal: AbortSignal,
): Promise<BroughtBack> {
  const major = Math.floor(record.postgres.versionNumber / 10_000)
  const dataDirectory = join(place.scratch, 'data')
  await mkdir(dataDirectory, { mode: 0o700 })
  if (place.owner) await chown(dataDirectory, place.owner.userId, place.owner.groupId)
  deps.progress.phase('making a cluster')
  await makeCluster(await findServer(major, place.programs, signal), { dataDirectory, superuser }, signal)
  const { server, connectionString } = await startScratchServer(
    deps,
    {
      dataDirectory,
      runDirectory: join(place.scratch, 'run'),
      major,
      programs: place.programs,
      settings: place.settings,
      environment: place.environment,
      user: superuser,
      database: 'template1',
      walSegmentSizeBytes: 0,
      stop: undefined,
    },
    signal,
  )
  try {
    deps.phases.begin('restore')
    const words = { user: superuser, database: 'template1' }
    await using first = await connectAsSuperuser(connectionString, words, signal)
    const restoreDeps: RestoreDumpDeps = {
      world: deps.world,
      progress: deps.progress,
      copies,
      troubles,
      place: { target: first.target, environment: {} },
      tools: place.programs,
    }
    const counts: DrillRowCount[] = []
    const failures: string[] = []
    const forgotten: string[] = []
    for (const [i, database] of wantedOf(record).entries()) {
      const { beforeNaming, applied } = forget(database)
      const how = { globals: i === 0, place }
      try {
        counts.push(...(await restoreOne({ ...restoreDeps, beforeNaming }, database, how, deps, signal)))
        forgotten.push(...applied())
      } catch (error) {
        if (!isFault(error, 'ROWS_DIFFER', 'RESTORE_FAILED', 'POSTGRES_REFUSED', 'OBJECT_CORRUPT'))
          throw error
        failures.push(`${database.name}: ${inShort(error)}`)
      }
    }
    return {
      storedBytes: record.sizes.storedBytes,
      cluster: {
        server,
        dataDirectory,
        target: first.target,
        superuser,
        major: first.session.major,
        version: first.session.version,
        reached: null,
        nextXid: 0n,
        notes: [...troubles.all().map(describeTrouble), ...passedOver(record), ...forgotten],
        dumped: { counts, failures, isChanged: forgotten.length > 0 },
      },
    }
  } catch (error) {
    await server.stop()
    throw error
  }
}

/** The server's own template is made by initdb, and nothing can be put in its place. */
const isTemplate = ({ name }: DumpedDatabase): boolean => name === 'template1' || name === 'template0'

const wantedOf = ({ databases }: DumpRecord): readonly DumpedDatabase[] =>
  databases.filter(database => !isTemplate(database))

const passedOver = ({ databases }: DumpRecord): readonly string[] =>
  databases.filter(isTemplate).map(({ name }) => `the dump of ${name} was not restored: initdb makes it`)

async function restoreOne(
  restoreDeps: RestoreDumpDeps,
  { name }: DumpedDatabase,
  { globals, place }: { readonly globals: boolean; readonly place: BringUpPlace },
  deps: BringUpDeps,
  signal: AbortSignal,
): Promise<readonly DrillRowCount[]> {
  const request = {
    name,
    from: undefined,
    // The one that initdb made.
    replace: name === 'postgres',
    keepOld: false,
    keepDifferent: false,
    jobs: place.workers,
    choice: { schemas: [], excludeSchemas: [], tables: [], excludeTables: [] },
    owner: true,
    privileges: true,
    // Their folders are those of the original.
    tablespaces: false,
    globals,
  }
  const plan = await layOutRestoreDump(restoreDeps, request, signal)
  await restoreDump(restoreDeps, plan, signal)
  deps.phases.count(plan.bytes)
  return plan.expected.map(({ schema, table, rows, atLeast }) => ({
    database: name,
    table: `${quoted(schema)}.${quoted(table)}`,
    rows,
    exact: !atLeast,
  }))
}

/** As quote_ident gives it, but for words that are SQL's own. */
const quoted = (name: string): string =>
  /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
