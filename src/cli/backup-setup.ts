/** From the configuration and the command line to what the backup's recipe asks for. */
import { hostname } from 'node:os'
import type { BackupDeps, BackupRequest } from '../operations/backup/backup.ts'
import { openWalStore } from '../repository/wal-store.ts'
import { archiveCommandOf } from './archive-command.ts'
import type { CommandContext } from './context.ts'
import { workerCount } from './workers.ts'

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
    connectPrimary: config.postgres.primary === undefined ? undefined : connectPrimary,
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
