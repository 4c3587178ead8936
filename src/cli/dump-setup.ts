/** From the configuration and the command line to what the recipe of a dump asks for. */
import { hostname } from 'node:os'
import type { MemberBehind } from '../operations/backup/members.ts'
import type { DumpDeps, DumpRequest } from '../operations/dump/dump.ts'
import { openWritten } from './backup-setup.ts'
import type { CommandContext } from './context.ts'
import { workerCount } from './workers.ts'

export interface DumpSetup {
  readonly deps: DumpDeps
  /** Could not be opened. */
  readonly away: readonly MemberBehind[]
  /** Have other recipients than the leading one: what is written there are other bytes, which a copy makes. */
  readonly others: readonly string[]
}

export async function dumpSetup(
  context: CommandContext,
  repositoryName: string | undefined,
): Promise<DumpSetup> {
  const { world, progress, program, log, terminal } = context
  const { config } = await context.config()
  const { members, encoding, away, others } = await openWritten(context, repositoryName)
  const deps: DumpDeps = {
    world,
    progress,
    log,
    worker: program.worker,
    rates: await context.rates(),
    members,
    encoding,
    target: await context.connectionTarget(),
    environment: terminal.environment,
    tools: { binDirectory: config.postgres.binDirectory, path: terminal.environment['PATH'] },
  }
  return { deps, away, others }
}

export interface GivenForDump {
  readonly databases: readonly string[]
  readonly schema: readonly string[]
  readonly excludeSchema: readonly string[]
  readonly table: readonly string[]
  readonly excludeTable: readonly string[]
  readonly excludeTableData: readonly string[]
  readonly jobs: number | undefined
  readonly lockWait: number | undefined
  readonly label: string | undefined
}

/** What is said on the command line counts instead of what the configuration says, option by option. */
export async function dumpRequest(context: CommandContext, given: GivenForDump): Promise<DumpRequest> {
  const { config } = await context.config()
  const { dumps } = config
  const either = (said: readonly string[], configured: readonly string[]): readonly string[] =>
    said.length > 0 ? said : configured
  return {
    databases: either(given.databases, dumps.databases),
    selection: {
      schemas: either(given.schema, dumps.schemas),
      excludeSchemas: either(given.excludeSchema, dumps.excludeSchemas),
      tables: either(given.table, dumps.tables),
      excludeTables: either(given.excludeTable, dumps.excludeTables),
      excludeTableData: either(given.excludeTableData, dumps.excludeTableData),
    },
    jobs: given.jobs ?? dumps.jobs,
    lockWaitMs: given.lockWait ?? dumps.lockWait,
    label: given.label ?? '',
    workers: workerCount(config.workers),
    host: hostname(),
  }
}
