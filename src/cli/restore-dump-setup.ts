/** From the command line of `restore-dump` to a plan. */
import { dirname, resolve } from 'node:path'
import { readSecret, type SecretSource } from '../config/secret-source.ts'
import { Secret } from '../base/secret.ts'
import {
  chooseDatabase,
  layOutRestoreDump,
  refuseBeforehand,
  type RestoreDumpDeps,
  type RestoreDumpPlan,
  type RestoreDumpRequest,
} from '../operations/restore-dump/lay-out.ts'
import type { ClosedSource } from '../operations/sources/source.ts'
import { describeTrouble, TroubleLog } from '../operations/sources/trouble.ts'
import type { ThawPlan } from '../operations/thaw/thaw.ts'
import { parseConnectionString } from '../postgres/connection-string.ts'
import type { DumpedDatabase } from '../repository/format/dump-record.ts'
import { parseNamePattern, type NamePattern } from '../postgres/dump-archive/name-pattern.ts'
import type { CommandContext } from './context.ts'
import { dumpErasures, type DumpErasures } from './dump-erasures.ts'
import { openDump, thawPlanOf, type DumpWords } from './open-dump.ts'
import { usageFault } from './usage.ts'
import { workerCount } from './workers.ts'

/** What was given on the command line. */
export interface RestoreDumpWords extends DumpWords {
  readonly database: string | undefined
  readonly from: string | undefined
  readonly replace: boolean
  readonly keepOld: boolean
  readonly keepDifferent: boolean
  readonly schema: readonly string[]
  readonly excludeSchema: readonly string[]
  readonly table: readonly string[]
  readonly excludeTable: readonly string[]
  readonly noOwner: boolean
  readonly noPrivileges: boolean
  readonly noTablespaces: boolean
  readonly globals: boolean
  readonly jobs: number | undefined
  readonly connection: string | undefined
  readonly connectionFile: string | undefined
  readonly skipErasures: string | undefined
}

export interface LaidOutDump {
  readonly deps: RestoreDumpDeps
  readonly request: RestoreDumpRequest
  readonly database: DumpedDatabase
  /** What has to be thawed first; undefined when everything can be read at once. */
  readonly thaw: ThawPlan | undefined
  /** Reads of the dump what there is to plan: not before that is thawed. */
  readonly plan: () => Promise<RestoreDumpPlan>
  /** Repositories that could not be opened. */
  readonly closed: readonly ClosedSource[]
  /** Requests to forget a person. */
  readonly erasures: DumpErasures
}

const nameBytesMax = 63

export async function layOutFromWords(
  context: CommandContext,
  words: RestoreDumpWords,
): Promise<LaidOutDump> {
  const { signal, world, progress, terminal } = context
  const name = nameOf(words)
  const choice = {
    schemas: words.schema.map(schemaPattern),
    excludeSchemas: words.excludeSchema.map(schemaPattern),
    tables: words.table.map(pattern),
    excludeTables: words.excludeTable.map(pattern),
  }
  const { config } = await context.config()
  const { environment } = terminal
  const connection = await connectionOf(context, words)
  progress.phase('opening the repositories')
  const troubles = new TroubleLog(trouble => {
    progress.note(describeTrouble(trouble))
  })
  const dump = await openDump(context, words, troubles)
  const database = chooseDatabase(dump.record, { name, from: words.from })
  const erasures = await dumpErasures(context, dump, database, words)
  const deps: RestoreDumpDeps = {
    world,
    progress,
    copies: dump.copies,
    troubles,
    place: { target: parseConnectionString(connection.reveal(), environment), environment },
    tools: { binDirectory: config.postgres.binDirectory, path: environment['PATH'] },
    beforeNaming: erasures.beforeNaming,
  }
  progress.phase('planning')
  const request = {
    name,
    from: words.from,
    replace: words.replace,
    keepOld: words.keepOld,
    keepDifferent: words.keepDifferent,
    jobs: words.jobs ?? workerCount(config.workers),
    choice,
    owner: !words.noOwner,
    privileges: !words.noPrivileges,
    tablespaces: !words.noTablespaces,
    globals: words.globals,
  }
  const part = { database: database.name, globals: request.globals }
  const thaw = await thawPlanOf(context, words, dump, part)
  if (thaw) await refuseBeforehand(deps, request, signal)
  const plan = (): Promise<RestoreDumpPlan> => layOutRestoreDump(deps, request, signal)
  return { deps, request, database, thaw, plan, closed: dump.closed, erasures }
}

function nameOf({ database, keepOld, replace }: RestoreDumpWords): string {
  if (database === undefined)
    throw usageFault('restore-dump needs --database', 'Name the database to make: --database shop_yesterday.')
  if (database === '' || Buffer.byteLength(database) > nameBytesMax)
    throw usageFault(
      `"${database}" can not be the name of a database`,
      `PostgreSQL's names have 1 to ${String(nameBytesMax)} bytes.`,
    )
  if (['template0', 'template1'].includes(database))
    throw usageFault(`"${database}" is one of the server's own databases`, 'Give another name.')
  if (keepOld && !replace)
    throw usageFault('--keep-old has no meaning without --replace', 'Give both, or leave it out.')
  return database
}

function pattern(text: string): NamePattern {
  const parsed = parseNamePattern(text)
  if (parsed) return parsed
  throw usageFault(
    `"${text}" is not a name or pattern`,
    'Write it as psql takes it: sales.orders, "Odd Name", log_*.',
  )
}

function schemaPattern(text: string): NamePattern {
  const parsed = pattern(text)
  if (!parsed.schema) return parsed
  throw usageFault(
    `"${text}" has two parts, and a schema has one`,
    'Quote a name that has a point in it: \'"odd.name"\'.',
  )
}

/** The environment variable is for those who give neither option, since it may be set for many commands. */
async function connectionOf(context: CommandContext, words: RestoreDumpWords): Promise<Secret> {
  const { connection, connectionFile } = words
  if (connection !== undefined && connectionFile !== undefined)
    throw usageFault('--connection and --connection-file exclude one another', 'Leave one of them out.')
  const { environment, workingDirectory } = context.terminal
  if (connection !== undefined) return new Secret(connection)
  const variable = environment['HOLDFAST_RESTORE_CONNECTION']
  if (connectionFile === undefined && variable !== undefined && variable !== '') return new Secret(variable)
  const { config, path } = await context.config()
  const source: SecretSource =
    connectionFile === undefined
      ? config.postgres.connection
      : { kind: 'file', file: resolve(workingDirectory, connectionFile) }
  const what = connectionFile === undefined ? 'postgres.connection' : '--connection-file'
  return readSecret(source, what, { environment, folder: dirname(path) }, context.signal)
}
