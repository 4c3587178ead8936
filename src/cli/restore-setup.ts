/** From the command line to a laid-out restore: target, plan, directory, recovery settings. */
import { resolve } from 'node:path'
import { layOutRestore, type RestoreDeps, type RestoreLayout } from '../operations/restore/layout.ts'
import { planRestore } from '../operations/resolve-target.ts'
import type { RestorePlan } from '../policy/restore-plan.ts'
import type { RecoveryTarget, TimelineChoice } from '../policy/recovery-target.ts'
import type { RecoveryAction, RecoverySettings } from '../postgres/recovery-settings.ts'
import { readBackup, readCatalog } from '../repository/catalog.ts'
import { openWalStore } from '../repository/wal-store.ts'
import type { Lsn } from '../wal/lsn.ts'
import { historyName } from '../wal/segment.ts'
import type { Micros } from '../wal/time.ts'
import { restoreCommandOf } from './archive-command.ts'
import type { CommandContext } from './context.ts'
import { findBackup } from './find-backup.ts'
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
}

export interface LaidOut {
  readonly deps: RestoreDeps
  readonly layout: RestoreLayout
  readonly recovery: RecoverySettings
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
  const { repository, encoding, description, identities } = await context.openRepository(words.repository)
  const deps = {
    world,
    progress,
    worker: program.worker,
    repository,
    storage: description,
    identities: await identities(),
  }
  const wal = openWalStore(repository, { encoding, identities: deps.identities })
  const { backups } = await readCatalog(repository, signal)
  const backupId =
    words.backup === undefined ? undefined : (await findBackup(repository, words.backup, signal)).id
  const { walSegmentSizeBytes } = repository.identity
  progress.phase('planning')
  const plan = await planRestore(
    { backups, wal, walSegmentSizeBytes },
    { target, timeline: words.timeline ?? 'latest', backupId },
    signal,
  )
  const record = await readBackup(repository, plan.backup.id, signal)
  const request = {
    ...words,
    tablespaces: words.tablespace,
    targetDirectory: resolve(terminal.workingDirectory, words.targetDir),
    account: accountOfProcess(),
  }
  const layout = await layOutRestore(deps, request, plan, record, signal)
  return { deps, layout, recovery: await recoveryOf(context, words, layout) }
}

async function recoveryOf(
  context: CommandContext,
  words: RestoreWords,
  { plan }: RestoreLayout,
): Promise<RecoverySettings> {
  const { path } = await context.config()
  return {
    target: plan.target,
    timeline: words.standby ? 'latest' : timelineToFollow(plan),
    action: words.action ?? 'promote',
    restoreCommand: restoreCommandOf(context.program, {
      configPath: path,
      repository: words.repository,
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
