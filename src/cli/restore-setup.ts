/** From the command line to a laid-out restore: target, plan, directory, recovery settings. */
import { dirname, resolve } from 'node:path'
import { isFault } from '../base/fault.ts'
import type { Config } from '../config/config.ts'
import { secretFilePath } from '../config/secret-source.ts'
import { layOutRestore, type RestoreDeps, type RestoreLayout } from '../operations/restore/layout.ts'
import type { Needed } from '../operations/restore/target-directory.ts'
import { planRestore } from '../operations/resolve-target.ts'
import type { RestorePlan } from '../policy/restore-plan.ts'
import { isSureWithout } from '../policy/sure-without.ts'
import type { RecoveryTarget, TimelineChoice } from '../policy/recovery-target.ts'
import type { RecoveryAction, RecoverySettings } from '../postgres/recovery-settings.ts'
import { endsBefore, orToTheEnd } from './cold-target.ts'
import { readCatalogs, readCopies, type UnitedCatalog } from '../operations/sources/catalog.ts'
import { isArchiveName } from '../operations/sources/archive-name.ts'
import type { ClosedSource } from '../operations/sources/source.ts'
import { describeTrouble, TroubleLog } from '../operations/sources/trouble.ts'
import { coldNeeds } from '../operations/thaw/restore-needs.ts'
import type { ThawPlan } from '../operations/thaw/thaw.ts'
import type { ThawSpeed } from '../storage/second-ports.ts'
import type { Lsn } from '../wal/lsn.ts'
import { historyName } from '../wal/segment.ts'
import type { Micros } from '../wal/time.ts'
import { restoreCommandOf } from './archive-command.ts'
import type { CommandContext, Program } from './context.ts'
import { erasuresAhead, type ErasuresAhead } from './erasures.ts'
import { chooseBackup } from './find-backup.ts'
import { absenceHere, openSnapshotOf, unreachableWithAbsent, withAbsent } from './restore-snapshot-setup.ts'
import type { SnapshotProvider } from '../snapshots/provider.ts'
import type { SnapshotLayout } from '../operations/snapshot/restore-layout.ts'
import { openSources, unitedWal } from './sources.ts'
import { thawPlanFor, thawToRead } from './thaw-first.ts'
import { usageFault, type Mapping } from './usage.ts'

/** What was given on the command line of `restore`. */
export interface RestoreWords {
  readonly targetDir: string | undefined
  readonly plan?: boolean | undefined
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
  readonly thaw: ThawSpeed | undefined
  readonly skipErasures: string | undefined
}

export interface LaidOut {
  readonly deps: RestoreDeps
  readonly layout: RestoreLayout
  /** Asked again when the files are there, with the repositories that broke off meanwhile. */
  readonly recovery: (lost: readonly string[]) => RecoverySettings
  /** Repositories that could not be read when the plan was made. */
  readonly closed: readonly ClosedSource[]
  /** Only of a snapshot: how it comes back. */
  readonly snapshot?: { readonly provider: SnapshotProvider; readonly layout: SnapshotLayout } | undefined
  /** Those, and any whose WAL could not be listed, as far as they may lead further than the plan. */
  readonly mayLeadFurther: readonly string[]
  /** What has to be thawed first; undefined when everything can be read at once. */
  readonly thaw: ThawPlan | undefined
  /** The target lies in WAL that has to be thawed first: this plan leads to the end of it, and is made anew then. */
  readonly isProvisional: boolean
  /** Requests to forget a person. */
  readonly erasures: ErasuresAhead
  /** Nobody may connect before they have been applied. */
  readonly isClosed: boolean
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
  const sources = await openSources(context, { ...words, archives: true, asOfMs: words.asOf }, { keys: true })
  const wal = unitedWal(sources, { clock: world.clock, troubles })
  progress.phase('planning')
  const absent = new Map<string, string>()
  /** Records and manifests are read to make the plan; where those are cold, so is the rest of the backup. */
  const orThawed = async <T>(
    { catalog, plan }: Pick<ChosenBackup, 'catalog' | 'plan'>,
    read: () => Promise<T>,
  ): Promise<T> => {
    try {
      return await read()
    } catch (error) {
      if (!isFault(error, 'OBJECT_COLD')) throw error
      const cold = await coldNeeds({ plan, backups: catalog.backups, sources: sources.open, wal }, signal)
      const chain = new Set(plan.chain.map(({ id }) => id))
      const members = catalog.backups.filter(({ summary }) => chain.has(summary.id))
      // A restore is expected to take as long as the backups did.
      const restoreMs = members.reduce((sum, { summary }) => sum + summary.durationMs, 0)
      await thawToRead(context, words, cold, restoreMs)
      return read()
    }
  }
  const choose = async (full: boolean, aim: RecoveryTarget): Promise<ChosenBackup> => {
    const catalog = await readCatalogs(sources.open, { full }, signal)
    const mayLead = aim === target ? () => true : endsBefore(target)
    const plan = await planRestore(
      {
        backups: catalog.backups
          .map(({ summary }) => summary)
          .filter(summary => !absent.has(summary.id) && mayLead(summary)),
        wal,
        walSegmentSizeBytes: sources.open[0]?.repository.identity.walSegmentSizeBytes ?? 0,
      },
      { target: aim, timeline: words.timeline ?? 'latest', backupId: idOf(catalog, words.backup) },
      signal,
    ).catch((error: unknown) => {
      throw unreachableWithAbsent(error, absent)
    })
    const known = catalog.backups.find(({ summary }) => summary.id === plan.backup.id)
    if (!known) throw new Error('assertion failed: the plan names a backup of the catalogue')
    const copies = await orThawed({ catalog, plan }, () => readCopies(known, troubles, signal))
    const why = await absenceHere(context, copies, words)
    if (why === undefined) return { catalog, plan: withAbsent(plan, absent), copies }
    absent.set(plan.backup.id, why)
    return choose(full, aim)
  }
  const { catalog, plan, copies, isProvisional } = await orToTheEnd(
    aim => chooseSurely(full => choose(full, aim)),
    target,
    words.backup !== undefined,
  )
  const closed = [...sources.closed, ...catalog.closed]
  const unread = [...new Set([...closed.map(({ name }) => name), ...troubles.unreachable()])]
  // Whoever names the repository to restore from has chosen it, as it is.
  const isChosen = words.repository !== undefined
  const isSure =
    isChosen || isSureWithout(plan, { timeline: words.timeline, isNamed: words.backup !== undefined })
  const rates = await context.rates()
  const deps = { world, progress, worker: program.worker, rates, copies, troubles }
  const request = {
    ...words,
    tablespaces: words.tablespace,
    targetDirectory: resolve(terminal.workingDirectory, words.targetDir),
    needed: neededOf(config, path, program),
    account: accountOfProcess(),
  }
  const snapshot = await openSnapshotOf(context, copies, request, plan)
  const layout =
    snapshot?.layout ??
    (await orThawed({ catalog, plan }, () => layOutRestore(deps, request, plan, copies, signal)))
  const cold = await coldNeeds({ plan, backups: catalog.backups, sources: sources.open, wal }, signal)
  const thaw = await thawPlanFor(context, words, cold, layout.expectedMs)
  const archives = sources.open.map(({ name }) => name).filter(isArchiveName)
  const without = [...words.without, ...closed.map(({ name }) => name)]
  const reached = [{ timeline: plan.timeline, lsn: plan.stop.lsn }]
  const erasures = await erasuresAhead(context, sources.open, reached, words)
  const isClosed = erasures.pending.length > 0 && !words.standby && words.skipErasures === undefined
  return {
    deps,
    layout,
    closed,
    snapshot,
    mayLeadFurther: isSure ? [] : unread,
    thaw,
    isProvisional,
    erasures,
    isClosed,
    // One that broke off is not asked for what comes after the plan, when the others have all that is in it.
    recovery: lost => ({
      ...recoveryOf(program, path, words, layout, {
        without: [...without, ...(hasAllWithout(lost) ? lost : [])],
        needsArchives: archives.length > 0 && !hasAllWithout(archives),
      }),
      closedIn: isClosed ? layout.directory : undefined,
    }),
  }

  function hasAllWithout(lost: readonly string[]): boolean {
    const { segments, partial, histories } = plan.wal
    return wal.areElsewhere([...segments, ...(partial === undefined ? [] : [partial]), ...histories], lost)
  }
}

function neededOf({ repositories }: Config, configPath: string, { launcher }: Program): Needed {
  const places = Object.values(repositories)
  const keys = places.flatMap(({ encryption }) =>
    encryption !== 'none' && encryption.identity?.kind === 'file'
      ? [secretFilePath(encryption.identity.file, dirname(configPath))]
      : [],
  )
  return { repositoryUrls: places.map(({ url }) => url), files: [configPath, ...keys, launcher] }
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

export function recoveryOf(
  program: Program,
  configPath: string,
  words: Pick<RestoreWords, 'standby' | 'action' | 'repository' | 'asOf' | 'asReplacement'>,
  { plan }: Pick<RestoreLayout, 'plan'>,
  {
    without,
    needsArchives,
    withhold,
  }: {
    readonly without: readonly string[]
    readonly needsArchives: boolean
    readonly withhold?: string | undefined
  },
): RecoverySettings {
  return {
    target: plan.target,
    timeline: words.standby ? 'latest' : timelineToFollow(plan),
    action: words.action ?? 'promote',
    restoreCommand: restoreCommandOf(program, {
      configPath,
      sources: {
        repository: words.repository,
        without: [...new Set(without)],
        asOfMs: words.asOf,
        archives: needsArchives,
      },
      requireThrough: plan.wal.requireThrough,
      allowPartial: plan.wal.partial !== undefined,
      withhold,
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

/** What of the words says where recovery stops. */
export type TargetWords = Pick<
  RestoreWords,
  'latest' | 'toTime' | 'toLsn' | 'toXid' | 'toName' | 'toImmediate' | 'exclusive' | 'action'
>

export function targetOf(words: TargetWords): RecoveryTarget {
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

export function accountOfProcess(): { userId: number; groupId: number } {
  return { userId: process.getuid?.() ?? 0, groupId: process.getgid?.() ?? 0 }
}
