/** From the command line of `restore-table` to a laid-out restore of tables. */
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { Fault } from '../base/fault.ts'
import type { RestoreDeps } from '../operations/restore/layout.ts'
import type { Destination } from '../operations/restore-table/live-tables.ts'
import { assertFree } from '../operations/restore-table/live-tables.ts'
import { layOutTables, type LaidOutTables, type TableRequest } from '../operations/restore-table/lay-out.ts'
import { planRestore } from '../operations/resolve-target.ts'
import { connectIn } from '../operations/restore-dump/target-place.ts'
import { readCopies } from '../operations/sources/catalog.ts'
import { walFind, type WalFindDeps } from '../operations/wal-find/wal-find.ts'
import type { Finding } from '../operations/wal-find/report.ts'
import type { RecoveryTarget, TimelineChoice } from '../policy/recovery-target.ts'
import { parseNamePattern, type NamePattern } from '../postgres/dump-archive/name-pattern.ts'
import type { CommandContext } from './context.ts'
import { chooseBackup } from './find-backup.ts'
import { openFinder, type SourceWords } from './find-setup.ts'
import { accountOfProcess, recoveryOf, targetOf, type TargetWords } from './restore-setup.ts'
import { usageFault } from './usage.ts'
import { workerCount } from './workers.ts'

/** What was given on the command line of `restore-table`. */
export interface TableWords extends Omit<TargetWords, 'action'>, SourceWords {
  readonly tables: readonly string[]
  readonly beforeDrop: boolean
  readonly timeline: TimelineChoice | undefined
  readonly backup: string | undefined
  readonly database: string | undefined
  readonly into: string | undefined
  readonly as: string | undefined
  readonly replace: boolean
  readonly scratchDir: string | undefined
  readonly skipErasures: string | undefined
}

export interface LaidOutTable extends AsyncDisposable {
  readonly deps: RestoreDeps
  readonly request: TableRequest
  readonly tables: LaidOutTables
}

export async function layOutTable(context: CommandContext, words: TableWords): Promise<LaidOutTable> {
  const { signal, world, progress, program, terminal } = context
  if (words.tables.length === 0) throw usageFault('restore-table needs a table', 'Name it: public.users.')
  const patterns = words.tables.map(name => parseNamePattern(name) ?? badName(name))
  const now = world.clock.now()
  const destination = destinationOf(words, now)
  const { config, path } = await context.config()
  const { environment } = terminal
  const target = await context.connectionTarget()
  const database = words.database ?? target.database ?? target.user ?? 'postgres'
  const live = { target, environment }
  await assertPlainNamesFree(live, database, words, patterns, destination, signal)
  const finder = await openFinder(context, words)
  const stop = await stopOf(finder, words, patterns, database, signal)
  progress.phase('planning')
  const backups = finder.backups.filter(({ summary }) => summary.kind === 'full')
  const backupId =
    words.backup === undefined
      ? undefined
      : chooseBackup(backups, words.backup, ({ summary }) => summary.id).summary.id
  const plan = await planRestore(
    {
      backups: backups.map(({ summary }) => summary),
      wal: finder.wal,
      walSegmentSizeBytes: finder.walSegmentSizeBytes,
    },
    { target: stop, timeline: words.timeline ?? 'latest', backupId },
    signal,
  )
  const known = backups.find(({ summary }) => summary.id === plan.backup.id)
  if (!known) throw new Error('assertion failed: the plan names a backup of the catalogue')
  const copies = await readCopies(known, finder.troubles, signal)
  const rates = await context.rates()
  const { troubles } = finder
  const deps = { world, progress, worker: program.worker, rates, troubles, copies }
  const recoveryWords = { ...words, standby: false, action: undefined, asReplacement: false }
  const without = [...words.without]
  const request: TableRequest = {
    names: words.tables,
    patterns,
    destination,
    live,
    database,
    wal: finder.wal,
    staging: `holdfast_${Buffer.from(world.randomBytes(6)).toString('hex')}`,
    place: words.scratchDir === undefined ? tmpdir() : resolve(terminal.workingDirectory, words.scratchDir),
    recovery: withhold =>
      recoveryOf(program, path, recoveryWords, { plan }, { without, needsArchives: false, withhold }),
    account: accountOfProcess(),
    workers: workerCount(config.workers),
    environment,
    programs: { binDirectory: config.postgres.binDirectory, path: environment['PATH'] },
    user: target.user,
  }
  const tables = await layOutTables(deps, request, plan, signal)
  return { deps, request, tables, [Symbol.asyncDispose]: () => tables[Symbol.asyncDispose]() }
}

function destinationOf({ into, as, replace, tables }: TableWords, now: number): Destination {
  if ([into !== undefined, as !== undefined, replace].filter(Boolean).length > 1)
    throw usageFault(
      '--into, --as and --replace exclude one another',
      'Give one of them, or none: then --into restored.',
    )
  if (as !== undefined && tables.length > 1)
    throw usageFault('--as names one table', 'Use --into SCHEMA for several, where all keep their names.')
  if (as !== undefined) return { kind: 'as', name: as }
  if (replace) {
    const stamp = new Date(now)
      .toISOString()
      .replaceAll(/[-:]|\..*/g, '')
      .toLowerCase()
    return { kind: 'replace', oldSchema: `replaced_${stamp}` }
  }
  return { kind: 'into', schema: into ?? 'restored' }
}

/** What can be known at once, before anything is fetched; looked at again when the tables are found. */
async function assertPlainNamesFree(
  live: TableRequest['live'],
  database: string,
  { tables }: TableWords,
  patterns: readonly NamePattern[],
  destination: Destination,
  signal: AbortSignal,
): Promise<void> {
  await using server = await connectIn(live, database, signal)
  const plain = tables.flatMap((text, i) => {
    const match = /^([a-z_][\w$]*)\.([a-z_][\w$]*)$/.exec(text)
    const pattern = patterns[i]
    const [, schema, name] = match ?? []
    return pattern && schema !== undefined && name !== undefined ? [{ schema, name }] : []
  })
  await assertFree(server, plain, destination, signal)
}

async function stopOf(
  finder: WalFindDeps,
  words: TableWords,
  patterns: readonly NamePattern[],
  database: string,
  signal: AbortSignal,
): Promise<RecoveryTarget> {
  const { latest, toTime, toLsn, toXid, toName, toImmediate } = words
  const isGiven = latest || toImmediate || [toTime, toLsn, toXid, toName].some(one => one !== undefined)
  if (words.beforeDrop === isGiven)
    throw usageFault(
      isGiven ? '--before-drop is a target by itself' : 'restore-table needs a target',
      'Give one of --before-drop, --to-time, --to-lsn, --to-xid, --to-name, --to-immediate, --latest.',
    )
  if (!words.beforeDrop) return targetOf({ ...words, action: undefined })
  const request = {
    tables: patterns,
    database,
    from: undefined,
    to: undefined,
    backupId: undefined,
    deletedRowsMin: Number.MAX_SAFE_INTEGER,
  }
  const { findings } = await walFind(finder, request, signal)
  const drops = findings.filter(isDrop)
  const last = drops.at(-1)
  if (!last)
    throw new Fault('TARGET_UNREACHABLE', `no drop of ${words.tables.join(', ')} is in the archived WAL`, {
      hint: 'See what happened to it with holdfast wal find --table; what the server has not archived yet is handed over with SELECT pg_switch_wal().',
    })
  // Several tables: to where all of them were there, as far as they went in the last stroke.
  const names = new Map(drops.map(drop => ['name' in drop ? `${drop.schema}.${drop.name}` : '', drop]))
  const lsn = [...names.values()].reduce(
    (least, { beforeLsn }) => (beforeLsn < least ? beforeLsn : least),
    last.beforeLsn,
  )
  return { kind: 'lsn', lsn, inclusive: false }
}

const isDrop = ({ kind }: Finding): boolean => kind === 'dropped' || kind === 'database dropped'

function badName(name: string): never {
  throw usageFault(
    `"${name}" is not the name of a table`,
    'Write it as psql takes it: public.users, or "Odd.Name".',
  )
}
