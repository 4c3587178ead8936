/** From the configuration and the command line to what the backup's recipe asks for. */
import { hostname } from 'node:os'
import { Fault, isFault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { formatDuration } from '../base/units.ts'
import type { BackupDeps, BackupRequest } from '../operations/backup/backup.ts'
import type { BackupMember, MemberBehind } from '../operations/backup/members.ts'
import type { Encoding } from '../pipeline/codec.ts'
import { assertSameCluster } from '../repository/repository.ts'
import { archiveCommandOf } from './archive-command.ts'
import type { CommandContext, OpenRepository } from './context.ts'
import { writtenRepositories } from './push-setup.ts'
import { workerCount } from './workers.ts'

export interface BackupSetup {
  readonly deps: BackupDeps
  /** Could not be opened. */
  readonly away: readonly MemberBehind[]
  /** Have other recipients than the leading one: what is written there are other bytes, which a copy makes. */
  readonly others: readonly string[]
}

/** The repositories that this run writes to. */
export interface Written extends Omit<BackupSetup, 'deps'> {
  readonly members: readonly BackupMember[]
  readonly encoding: Encoding
}

export async function backupSetup(
  context: CommandContext,
  repositoryName: string | undefined,
): Promise<BackupSetup> {
  const { world, progress, program, log, connect, connectPrimary } = context
  const { config } = await context.config()
  const { members, encoding, away, others } = await openWritten(context, repositoryName)
  const deps = {
    world,
    progress,
    log,
    worker: program.worker,
    rates: await context.rates(),
    members,
    encoding,
    connect,
    connectPrimary: config.postgres.primary === undefined ? undefined : connectPrimary,
  }
  return { deps, away, others }
}

/** The first repository that can be opened leads; all with its recipients are written at the same time. */
export async function openWritten(
  context: CommandContext,
  repositoryName: string | undefined,
): Promise<Written> {
  const loaded = await context.config()
  const { opened, away } = await openAll(context, writtenRepositories(loaded, repositoryName))
  const [leading] = opened
  if (!leading) throw away[0]?.fault ?? new Error('assertion failed: backups are written somewhere')
  for (const { repository } of opened)
    assertSameCluster(repository.storage, repository.identity, leading.repository.identity)
  const isAlike = (place: OpenRepository): boolean => sealedTo(place) === sealedTo(leading)
  return {
    members: opened.filter(isAlike).map(({ name, repository, description }) => ({
      name,
      repository,
      storage: description,
    })),
    encoding: leading.encoding,
    away,
    others: opened.filter(place => !isAlike(place)).map(({ name }) => name),
  }
}

const sealedTo = ({ encoding }: OpenRepository): string => encoding.recipients.toSorted().join(' ')

/** What is written to several at once keeps to the rates as a whole: see `withMembers`. */
const together = { withoutRates: true }

async function openAll(
  context: CommandContext,
  names: readonly string[],
): Promise<{ readonly opened: readonly OpenRepository[]; readonly away: readonly MemberBehind[] }> {
  const [only] = names
  if (only !== undefined && names.length === 1)
    return { opened: [await context.openRepository(only, together)], away: [] }
  const outcomes = await Promise.all(
    names.map(async name => {
      try {
        return await inTime(context, name, context.openRepository(name, together))
      } catch (error) {
        if (!isFault(error)) throw error
        return { name, fault: error }
      }
    }),
  )
  return {
    opened: outcomes.filter(outcome => 'repository' in outcome),
    away: outcomes.filter(outcome => 'fault' in outcome),
  }
}

/** A mount whose server is gone must not hold up the backup to another place. */
async function inTime<T>({ world, signal }: CommandContext, name: string, work: Promise<T>): Promise<T> {
  const done = new AbortController()
  const alarm = world.clock.sleep(limits.mirrorLagMsMax, AbortSignal.any([signal, done.signal])).then(() => {
    throw new Fault(
      'STORAGE_UNAVAILABLE',
      `repository "${name}" gave no answer for ${formatDuration(limits.mirrorLagMsMax)}`,
      { hint: 'Check that it can be reached: a mount whose server is gone hangs like this.' },
    )
  })
  try {
    return await Promise.race([work, alarm])
  } finally {
    done.abort()
    alarm.catch(() => undefined)
    work.catch(() => undefined)
  }
}

export async function backupRequest(
  context: CommandContext,
  given: { readonly label: string | undefined; readonly checkpoint: 'fast' | 'spread' | undefined },
): Promise<BackupRequest> {
  const { config, path } = await context.config()
  return {
    label: given.label ?? '',
    fast: (given.checkpoint ?? config.backups.checkpoint) === 'fast',
    dataDirectory: config.postgres.dataDirectory,
    workers: workerCount(config.workers),
    walStallMsMax: config.backups.walStall,
    host: hostname(),
    archiveCommand: archiveCommandOf(context.program, path),
  }
}
