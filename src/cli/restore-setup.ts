/** From the command line to a laid-out restore: target, plan, directory, recovery settings. */
import { resolve } from 'node:path'
import { isFault } from '../base/fault.ts'
import { layOutRestore, type RestoreDeps, type RestoreLayout } from '../operations/restore/layout.ts'
import { planRestore } from '../operations/resolve-target.ts'
import type { RestorePlan } from '../policy/restore-plan.ts'
import type { RecoveryTarget, TimelineChoice } from '../policy/recovery-target.ts'
import type { RecoveryAction, RecoverySettings } from '../postgres/recovery-settings.ts'
import { readCatalogs, readCopies, type UnitedCatalog } from '../operations/sources/catalog.ts'
import type { ClosedSource } from '../operations/sources/source.ts'
import { describeTrouble, TroubleLog } from '../operations/sources/trouble.ts'
import type { Lsn } from '../wal/lsn.ts'
import { historyName } from '../wal/segment.ts'
import type { Micros } from '../wal/time.ts'
import { restoreCommandOf } from './archive-command.ts'
import type { CommandContext, Program } from './context.ts'
import { chooseBackup } from './find-backup.ts'
import { openSources, unitedWal } from './sources.ts'
import { usageFault, type Mapping } from './usage.ts'

/** What was given on the command line of `restore`. */
export interface RestoreWords {
  readonly targetDir: string | undefined
  readonly backup: string | undefined
  readonly latest: boolean
  readonly toTime: Micros | undefined
  readonly toLsn: Lsn | undefined
  readonly toXid: bigint | undefined
  readonly toName: string | undefined
  readonly toImmediate: boolean
  readonly exclusive: boolean
  readonly timeline: TimelineChoice | undefined
  readonly action: RecoveryAction | undefined
  readonly tablespace: readonly Mapping[]
  readonly delta: boolean
  readonly force: boolean
  readonly standby: boolean
  readonly asReplacement: boolean
  readonly repository: string | undefined
  readonly without: readonly string[]
  readonly asOf: number | undefined
}

export interface LaidOut {
  readonly deps: RestoreDeps
  readonly layout: RestoreLayout
  /** Asked again when the files are there, with the repositories that broke off meanwhile. */
  readonly recovery: (lost: readonly string[]) => RecoverySettings
  /** Repositories that could not be read when the plan was made. */
  readonly closed: readonly ClosedSource[]
}

export async function layOut(context: CommandContext, words: RestoreWords): Promise<LaidOut> {
  const { signal, world, progress, program, terminal } = context
  if (words.targetDir === undefined)
    throw usageFault(
      'restore needs --target-dir',
      'Name the data directory to write: --target-dir /srv/restored.',
    )
  if (words.delta && words.force)
    throw usageFault(
      '--delta and --force exclude one another',
      '--delta keeps what is right; --force deletes everything first.',
    )
  const target = targetOf(words)
  progress.phase('opening the repositories')
  const troubles = new TroubleLog(trouble => {
    progress.note(describeTrouble(trouble))
  })
  const { config, path } = await context.config()
  const sources = await openSources(context, { ...words, asOfMs: words.asOf }, { keys: true })
  const wal = unitedWal(sources, { clock: world.clock, troubles })
  progress.phase('planning')
  const choose = async (full: boolean): Promise<ChosenBackup> => {
    const catalog = await readCatalogs(sources.open, { full }, signal)
    const plan = await planRestore(
      {
        backups: catalog.backups.map(({ summary }) => summary),
        wal,
        walSegmentSizeBytes: sources.open[0]?.repository.identity.walSegmentSizeBytes ?? 0,
      },
      { target, timeline: words.timeline ?? 'latest', backupId: idOf(catalog, words.backup) },
      signal,
    )
    const known = catalog.backups.find(({ summary }) => summary.id === plan.backup.id)
    if (!known) throw new Error('assertion failed: the plan names a backup of the catalogue')
    return { catalog, plan, copies: await readCopies(known, troubles, signal) }
  }
  const { catalog, plan, copies } = await chooseSurely(choose)
  const closed = [...sources.closed, ...catalog.closed]
  const deps = { world, progress, worker: program.worker, copies, troubles }
  const request = {
    ...words,
    tablespaces: words.tablespace,
    targetDirectory: resolve(terminal.workingDirectory, words.targetDir),
    repositoryUrls: Object.values(config.repositories).map(({ url }) => url),
    account: accountOfProcess(),
  }
  const layout = await layOutRestore(deps, request, plan, copies, signal)
  const without = [...words.without, ...closed.map(({ name }) => name)]
  return {
    deps,
    layout,
    closed,
    // One that broke off is not asked for what comes after the plan, when the others have all that is in it.
    recovery: lost =>
      recoveryOf(program, path, words, layout, [...without, ...(hasAllWithout(lost) ? lost : [])]),
  }

  function hasAllWithout(lost: readonly string[]): boolean {
    const { segments, partial, histories } = plan.wal
    return wal.areElsewhere([...segments, ...(partial === undefined ? [] : [partial]), ...histories], lost)
  }
}

interface ChosenBackup {
  readonly catalog: UnitedCatalog
  readonly plan: RestorePlan
  readonly copies: Awaited<ReturnType<typeof readCopies>>
}

/** The index of a catalogue may name a backup that is gone, or miss one: then everything is looked at. */
async function chooseSurely(choose: (full: boolean) => Promise<ChosenBackup>): Promise<ChosenBackup> {
  try {
    return await choose(false)
  } catch (error) {
    if (!isFault(error, 'BACKUP_NOT_FOUND')) throw error
    return choose(true)
  }
}

function idOf({ backups }: UnitedCatalog, given: string | undefined): string | undefined {
  return given === undefined
    ? undefined
    : chooseBackup(backups, given, ({ summary }) => summary.id).summary.id
}

function recoveryOf(
  program: Program,
  configPath: string,
  words: RestoreWords,
  { plan }: RestoreLayout,
  without: readonly string[],
): RecoverySettings {
  return {
    target: plan.target,
    timeline: words.standby ? 'latest' : timelineToFollow(plan),
    action: words.action ?? 'promote',
    restoreCommand: restoreCommandOf(program, {
      configPath,
      sources: { repository: words.repository, without: [...new Set(without)], asOfMs: words.asOf },
      requireThrough: plan.wal.requireThrough,
      allowPartial: plan.wal.partial !== undefined,
    }),
    archiving: words.asReplacement,
    standby: words.standby ? { primaryConninfo: undefined, primarySlotName: undefined } : undefined,
  }
}

/**
 * PostgreSQL follows a timeline by its number only when it has the history file. One that is older than the archive
 * has none there; then the way begins with a backup on the timeline itself, which is `current`.
 */
function timelineToFollow({ timeline, wal }: RestorePlan): number | 'current' {
  return timeline === 1 || wal.histories.includes(historyName(timeline)) ? timeline : 'current'
}

function targetOf(words: RestoreWords): RecoveryTarget {
  const inclusive = !words.exclusive
  const given: readonly (RecoveryTarget | undefined)[] = [
    words.latest ? { kind: 'latest' } : undefined,
    words.toTime === undefined ? undefined : { kind: 'time', time: words.toTime, inclusive },
    words.toLsn === undefined ? undefined : { kind: 'lsn', lsn: words.toLsn, inclusive },
    words.toXid === undefined ? undefined : { kind: 'xid', xid: words.toXid, inclusive },
    words.toName === undefined ? undefined : { kind: 'name', name: words.toName },
    words.toImmediate ? { kind: 'immediate' } : undefined,
  ]
  const [target = { kind: 'latest' as const }, ...others] = given.filter(one => one !== undefined)
  if (others.length > 0)
    throw usageFault(
      'more than one target was given',
      'Give one of --latest, --to-time, --to-lsn, --to-xid, --to-name, --to-immediate.',
    )
  if (words.exclusive && !('inclusive' in target))
    throw usageFault(
      '--exclusive has no meaning for this target',
      'It goes with --to-time, --to-lsn and --to-xid.',
    )
  if (words.action !== undefined && target.kind === 'latest') {
    throw usageFault(
      '--action has no meaning without a target to stop at',
      'Leave it out: at the end of the WAL the server is promoted.',
    )
  }
  return target
}

function accountOfProcess(): { userId: number; groupId: number } {
  return { userId: process.getuid?.() ?? 0, groupId: process.getgid?.() ?? 0 }
}
