/**
 * A dump: the globals and some databases, as pg_dump gives them, straight into the repositories.
 *
 * The order is the promise: every object, then the contents of each database, then `dump.json`. Only the last makes the
 * dump exist; what fails before leaves nothing.
 */
import type { Log } from '../../base/log.ts'
import type { Encoding } from '../../pipeline/codec.ts'
import type { ConnectionTarget, Environment } from '../../postgres/connection-string.ts'
import { connectTo } from '../../postgres/connection.ts'
import { serverFacts, type ServerFacts } from '../../postgres/server-facts.ts'
import { findClientProgram, type FoundTool, type ToolPlaces } from '../../postgres/tools.ts'
import { chooseDatabases, type Database } from '../../postgres/dump/databases.ts'
import type { DumpSelection } from '../../repository/format/dump-contents.ts'
import type { DumpRecord, DumpedDatabase } from '../../repository/format/dump-record.ts'
import { dumpFolder } from '../../repository/layout.ts'
import { withMembers, type BackupMember, type BackupMembers, type MemberBehind } from '../backup/members.ts'
import { assertSameCluster } from '../backup/source.ts'
import type { WorkerHost } from '../workers/crew.ts'
import { openFramePress } from '../workers/press/frame-press.ts'
import { commitDumpEverywhere } from './commit.ts'
import { dumpDatabases } from './dump-databases.ts'
import { dropUnfinished, freeDumpId, sweepOldDumps } from './folders.ts'
import { dumpGlobals } from './globals.ts'
import { buildDumpRecord } from './record.ts'

export interface DumpDeps extends WorkerHost {
  /** Where it is written to; the first one leads. They have the same recipients, and the same cluster. */
  readonly members: readonly BackupMember[]
  readonly encoding: Encoding
  readonly log: Log
  readonly target: ConnectionTarget
  readonly environment: Environment
  readonly tools: ToolPlaces
}

export interface DumpRequest {
  /** None: all that allow connections. */
  readonly databases: readonly string[]
  readonly selection: DumpSelection
  /** More than one: the directory shape. */
  readonly jobs: number
  readonly lockWaitMs: number | undefined
  readonly label: string
  readonly workers: number
  readonly host: string
}

export interface DumpOutcome {
  readonly record: DumpRecord
  /** The names of the repositories that have it. */
  readonly whole: readonly string[]
  readonly behind: readonly MemberBehind[]
}

/** What is known before the first byte is dumped. */
export interface DumpSource {
  readonly facts: ServerFacts
  readonly databases: readonly Database[]
  readonly pgDump: FoundTool
  readonly pgDumpAll: FoundTool
}

export async function dump(deps: DumpDeps, request: DumpRequest, signal: AbortSignal): Promise<DumpOutcome> {
  // Before a lease is taken: what is asked for may be impossible.
  const source = await lookAtSource(deps, request, signal)
  return withMembers({ ...deps, work: 'dump' }, signal, members => dumpTo(members, deps, request, source))
}

async function lookAtSource(
  { members, target, environment, tools }: DumpDeps,
  { databases: named }: DumpRequest,
  signal: AbortSignal,
): Promise<DumpSource> {
  await using server = await connectTo(target, { environment, applicationName: 'holdfast dump' }, signal)
  const facts = await serverFacts(server, signal)
  const [leading] = members
  if (leading) assertSameCluster(facts, leading.repository.identity)
  const databases = await chooseDatabases(server, named, signal)
  const pgDump = await findClientProgram('pg_dump', facts.major, tools, signal)
  const pgDumpAll = await findClientProgram('pg_dumpall', facts.major, tools, signal)
  return { facts, databases, pgDump, pgDumpAll }
}

async function dumpTo(
  members: BackupMembers,
  deps: DumpDeps,
  request: DumpRequest,
  source: DumpSource,
): Promise<DumpOutcome> {
  const { world, encoding, log } = deps
  const { held } = members
  await members.each((member, lease) => sweepOldDumps({ ...deps, ...member }, lease, held))
  const startedMs = world.clock.now()
  const startedMonotonicMs = world.clock.monotonicMs()
  const id = await freeDumpId(members, startedMs)
  const { cluster } = members.leading().repository.identity
  log.info('dump.started', { id })
  try {
    const { globals, databases, warnings } = await store(deps, request, source, members, {
      id,
      keyPrefix: `${dumpFolder(cluster, id)}/`,
    })
    const record = buildDumpRecord({
      id,
      cluster,
      source,
      request,
      encoding,
      globals,
      databases,
      warnings,
      startedMs,
      endedMs: world.clock.now(),
      durationMs: world.clock.monotonicMs() - startedMonotonicMs,
    })
    const { whole, behind } = await commitDumpEverywhere(members, record)
    log.info('dump.finished', { id, storedBytes: record.sizes.storedBytes, repositories: whole.join(',') })
    return { record, whole, behind }
  } catch (error) {
    await dropUnfinished(deps.members, id)
    throw error
  }
}

async function store(
  deps: DumpDeps,
  request: DumpRequest,
  source: DumpSource,
  members: BackupMembers,
  { id, keyPrefix }: { readonly id: string; readonly keyPrefix: string },
): Promise<{
  readonly globals: DumpRecord['globals']
  readonly databases: readonly DumpedDatabase[]
  readonly warnings: readonly string[]
}> {
  const { encoding } = deps
  await using press = openFramePress(
    deps,
    {
      level: encoding.level,
      contentChecksum: encoding.recipients.length === 0,
      workers: request.workers,
      streams: request.jobs + 2,
    },
    members.held,
  )
  const place = { storage: members.storage, keyPrefix, encoding, press }
  const { globals, warnings } = await dumpGlobals(deps, source, place, members.held)
  const dumped = await dumpDatabases(deps, { request, source, place, id }, members.held)
  return { globals, databases: dumped.databases, warnings: [...warnings, ...dumped.warnings] }
}
