/** From the configuration and the command line to what the backup's recipe asks for. */
import { availableParallelism, hostname } from 'node:os'
import type { BackupDeps, BackupRequest } from '../operations/backup/backup.ts'
import { openWalStore } from '../repository/wal-store.ts'
import type { CommandContext } from './context.ts'

export async function backupDeps(
  context: CommandContext,
  repositoryName: string | undefined,
): Promise<BackupDeps> {
  const { world, progress, program, log, connect, connectPrimary, openRepository } = context
  const { repository, encoding, description } = await openRepository(repositoryName)
  const { config } = await context.config()
  return {
    world,
    progress,
    log,
    worker: program.worker,
    repository,
    storage: description,
    encoding,
    wal: openWalStore(repository, { encoding, identities: [] }),
    connect,
    connectPrimary:
      config.postgres.primary === undefined
        ? undefined
        : async () => {
            const primary = await connectPrimary()
            if (!primary) throw new Error('assertion failed: the configuration names a primary')
            return primary
          },
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
    workers: workersOf(config.workers),
    walStallMsMax: config.backups.walStall,
    host: hostname(),
    archiveCommand: `${context.program.launcher} --config ${path} wal push %p`,
  }
}

/** `auto`: one for each core, but no more than eight, so that a large machine keeps cores for its database. */
export function workersOf(configured: number | 'auto'): number {
  return configured === 'auto' ? Math.min(8, availableParallelism()) : configured
}
