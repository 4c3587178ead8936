/** Waits for the WAL of a backup that was copied, and says why it does not come. */
import { Fault, isFault } from '../../base/fault.ts'
import type { Progress } from '../../base/progress.ts'
import type { World } from '../../base/world.ts'
import { judgeArchiver } from '../../postgres/archiver-health.ts'
import type { Server } from '../../postgres/connection.ts'
import { serverFacts, type ServerFacts } from '../../postgres/server-facts.ts'
import { keepAwaitingWal } from '../../repository/catalog.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import type { Repository } from '../../repository/repository.ts'
import { awaitWal } from './await-wal.ts'
import type { BackupDeps, BackupRequest } from './backup.ts'
import { openWalPresence } from './wal-presence.ts'

export interface WaitDeps {
  readonly world: World
  readonly progress: Progress
  readonly repository: Repository
}

/** A copy whose WAL did not come in time is kept: it becomes a backup when the WAL has arrived after all. */
export async function waitForWal(
  { world, progress, repository }: WaitDeps,
  { walStallMsMax, archiveCommand }: Pick<BackupRequest, 'walStallMsMax' | 'archiveCommand'>,
  server: Server,
  record: BackupRecord,
  signal: AbortSignal,
): Promise<void> {
  const wal = openWalPresence(repository)
  try {
    await awaitWal(
      {
        clock: world.clock,
        progress,
        stallMsMax: walStallMsMax,
        isStored: (name, waiting) => wal.has(name, waiting),
        lastArchived: waiting => lastArchived(server, waiting),
        diagnose: async waiting =>
          explain(await serverFacts(server, waiting).catch(() => undefined), archiveCommand),
      },
      { first: record.startWal, last: record.stopWal, segmentSizeBytes: record.postgres.walSegmentSizeBytes },
      signal,
    )
  } catch (error) {
    if (!isFault(error, 'WAL_TIMEOUT')) throw error
    await keepAwaitingWal(repository, record, signal)
    throw new Fault('WAL_TIMEOUT', error.message, {
      hint: `${error.hint} The copy is kept as ${record.id}: the next \`holdfast backup\` makes it a backup once its WAL has arrived.`,
      cause: error,
    })
  }
}

/** The copy no longer depends on the connection: the server may even be restarted now. Then nothing is known of it. */
async function lastArchived(server: Server, signal: AbortSignal): Promise<string | undefined> {
  const sql = 'SELECT last_archived_wal AS name FROM pg_stat_archiver'
  const rows = await server.query<{ name: string | null }>(sql, [], signal).catch(() => [])
  signal.throwIfAborted()
  return rows[0]?.name ?? undefined
}

/** On a standby nothing ends the segment that holds the end of the backup; on a quiet primary that may take for ever. */
export async function switchWalOnPrimary(
  { connectPrimary, progress }: Pick<BackupDeps, 'connectPrimary' | 'progress'>,
  record: BackupRecord,
  signal: AbortSignal,
): Promise<void> {
  if (!record.fromStandby) return
  if (!connectPrimary) {
    progress.note(
      `the primary has to finish segment ${record.stopWal}: on a quiet one, run SELECT pg_switch_wal() there, or set postgres.primary in the configuration`,
    )
    return
  }
  await using primary = await connectPrimary(signal)
  await primary.query('SELECT pg_switch_wal()', [], signal)
}

function explain(
  facts: ServerFacts | undefined,
  archiveCommand: string,
): { readonly message: string; readonly hint: string } | undefined {
  if (!facts)
    return {
      message: 'the server can no longer be asked',
      hint: 'Start the server; it archives what is missing.',
    }
  const health = judgeArchiver(facts, archiveCommand)
  switch (health.verdict) {
    case 'healthy':
      return undefined
    case 'standby':
      return {
        message: health.note,
        hint: 'Look at archive_command on the primary, and run SELECT pg_switch_wal() there.',
      }
    default:
      return { message: health.message, hint: health.hint }
  }
}
