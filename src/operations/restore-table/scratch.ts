/**
 * A scratch cluster with the catalogues and a few tables: the rest of the large files are sparse, of their right size, and
 * never fetched. It replays the WAL to the target without what is not there, and is reachable by us alone.
 *
 * Two things make replay pass over what is absent: `wal get --withhold` takes the records of absent relations out, and
 * `ignore_invalid_pages` lets the few through that lie over two segments. A record over an absent page that is of a needed
 * relation would be passed over, too; the server tells of each, and then the scratch cluster is not used.
 */
import { chmod, chown, mkdir, mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../../base/fault.ts'
import { together } from '../../base/together.ts'
import type { RecoveryOutcome } from '../../postgres/local-server/follow-recovery.ts'
import type { LocalServer } from '../../postgres/local-server/local-server.ts'
import type { Environment } from '../../postgres/connection-string.ts'
import type { ToolPlaces } from '../../postgres/tools.ts'
import type { RecoverySettings } from '../../postgres/recovery-settings.ts'
import type { RestorePlan } from '../../policy/restore-plan.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import type { WalStore } from '../../repository/wal-store.ts'
import type { ManifestDirectory, ManifestFile } from '../../repository/format/manifest.ts'
import type { RestoreDeps } from '../restore/layout.ts'
import { makePlaces, placeTablespaces } from '../restore/places.ts'
import { writeRecovery } from '../restore/restore.ts'
import { chooseOwner } from '../restore/target-directory.ts'
import { lastWordsOf, startScratchServer, type ScratchServer } from '../scratch/scratch-server.ts'
import { readManifestFiles } from '../sources/manifest.ts'
import { copiesToRead } from '../sources/source.ts'
import { copyIn } from '../workers/copy-in/copy-in.ts'
import type { CopyInReport, FileOwner } from '../workers/messages.ts'
import { encodeWalFilter } from '../wal-filter.ts'
import { holdWal, isLittle } from './held-wal.ts'
import type { ChosenFiles } from './lay-out.ts'

export interface ScratchRequest extends Pick<ChosenFiles, 'choice' | 'withheld' | 'sparse'> {
  readonly plan: RestorePlan
  readonly record: BackupRecord
  readonly directories: readonly ManifestDirectory[]
  readonly wal: Pick<WalStore, 'get'>
  /** The folder in which it is made. */
  readonly place: string
  /** `filterPath` for `wal get --withhold`. */
  readonly recovery: (filterPath: string) => RecoverySettings
  readonly account: { readonly userId: number; readonly groupId: number }
  readonly workers: number
  readonly environment: Environment
  readonly programs: ToolPlaces
  readonly user: string | undefined
  readonly database: string
}

export interface Scratch extends AsyncDisposable {
  readonly server: LocalServer
  readonly outcome: RecoveryOutcome
  /** Its data directory. */
  readonly directory: string
  readonly report: CopyInReport
  readonly connectionString: string
  readonly logFile: string
  /** Nothing more is asked of it: it is stopped and removed, while the caller goes on. */
  end(): void
}

/** When this returns, it has reached its target and answers. Stopped and removed when it is disposed of. */
export async function makeScratch(
  deps: RestoreDeps,
  request: ScratchRequest,
  signal: AbortSignal,
): Promise<Scratch> {
  // Open to be passed through: root may make it, and the server's user works in it.
  await mkdir(request.place, { recursive: true })
  const root = await mkdtemp(join(request.place, 'holdfast-table-'))
  const remove = (): Promise<void> => rm(root, { recursive: true, force: true })
  try {
    const owner = await chooseOwner(root, request.account)
    if (owner) await chown(root, owner.userId, owner.groupId)
    const directory = join(root, 'data')
    const report = await fill(deps, request, { root, directory, owner }, signal)
    const { server, outcome, connectionString } = await start(deps, request, { root, directory }, signal)
    let ended: Promise<void> | undefined
    const end = (): Promise<void> => (ended ??= server.stop('immediate').then(remove))
    return {
      server,
      outcome,
      directory,
      report,
      connectionString,
      logFile: server.logFile,
      end: () => {
        end().catch(() => undefined) // Told when it is disposed of.
      },
      [Symbol.asyncDispose]: end,
    }
  } catch (error) {
    const said = signal.aborted ? undefined : await lastWordsOf(join(root, 'run'))
    if (said !== undefined)
      deps.progress.note(`the end of the log of the scratch server, which is removed:\n${said}`)
    await remove()
    throw error
  }
}

interface Place {
  readonly root: string
  readonly directory: string
}

async function fill(
  deps: RestoreDeps,
  request: ScratchRequest,
  { root, directory, owner }: Place & { readonly owner: FileOwner | undefined },
  signal: AbortSignal,
): Promise<CopyInReport> {
  const { record, directories, choice, withheld, sparse, plan, workers } = request
  const { copies, troubles, progress } = deps
  await mkdir(directory, { mode: 0o700 })
  if (owner) await chown(directory, owner.userId, owner.groupId)
  const tablespaces = placeTablespaces(
    record.tablespaces,
    record.tablespaces.map(({ location, oid }) => ({ from: location, to: join(root, `ts${String(oid)}`) })),
  )
  await makePlaces(directory, tablespaces, { use: 'fresh', mode: 0o700, owner }, record)
  const needed = async function* (): AsyncIterable<readonly ManifestFile[]> {
    for await (const group of readManifestFiles(copies, troubles, signal)) {
      const here = group.filter(({ path }) => choice.judge(path) === 'needed')
      if (here.length > 0) yield here
    }
  }
  progress.phase('restoring files')
  const filter = { databases: [choice.database], withheld }
  const filterPath = join(root, 'relations')
  await writeFile(filterPath, encodeWalFilter(filter), { mode: 0o600 })
  if (owner) await chown(filterPath, owner.userId, owner.groupId)
  const recovery = request.recovery(filterPath)
  const { report, restoreCommand } = await together(
    {
      report: stop =>
        copyIn(
          deps,
          {
            backup: record.id,
            copies: copiesToRead(copies),
            onTrouble: trouble => {
              troubles.add(trouble)
            },
            directories,
            files: needed(),
            targetDirectory: directory,
            synced: [],
            owner,
            delta: false,
            // One processor is for the WAL.
            workers: isLittle(plan) ? Math.max(1, workers - 1) : workers,
          },
          stop,
        ),
      restoreCommand: async stop =>
        isLittle(plan)
          ? holdWal(request.wal, { plan, folder: join(root, 'wal'), filter, owner }, stop)
          : recovery.restoreCommand,
    },
    signal,
  )
  for (const { path, sizeBytes } of sparse) await makeSparse(join(directory, path), sizeBytes, owner)
  await writeRecovery({ directory, mode: 0o700, owner, record }, { ...recovery, restoreCommand })
  await chmod(directory, 0o700)
  progress.phase('replaying WAL', plan.wal.rawBytes)
  return report
}

async function makeSparse(path: string, sizeBytes: number, owner: FileOwner | undefined): Promise<void> {
  await (await open(path, 'wx', 0o600)).close()
  await truncate(path, sizeBytes)
  if (owner) await chown(path, owner.userId, owner.groupId)
}

/** Nothing here has to outlive a crash, and nothing but our own questions shall be done. */
const scratchSettings = {
  ignore_invalid_pages: 'on',
  fsync: 'off',
  full_page_writes: 'off',
  autovacuum: 'off',
  shared_buffers: '128MB',
  huge_pages: 'off',
  max_wal_size: '64GB',
  checkpoint_timeout: '1d',
  wal_recycle: 'off',
  shared_preload_libraries: '',
  session_preload_libraries: '',
  local_preload_libraries: '',
  restart_after_crash: 'off',
  jit: 'off',
  log_statement: 'none',
}

function start(
  deps: RestoreDeps,
  { record, plan, environment, programs, user, database }: ScratchRequest,
  { root, directory }: Place,
  signal: AbortSignal,
): Promise<ScratchServer> {
  const request = {
    dataDirectory: directory,
    runDirectory: join(root, 'run'),
    major: Math.floor(record.postgres.versionNumber / 10_000),
    programs,
    settings: scratchSettings,
    environment,
    user,
    database,
    walSegmentSizeBytes: record.postgres.walSegmentSizeBytes,
    stop: plan.stop,
  }
  return startScratchServer(deps, request, signal)
}

/** What the server says of records that it passed over: files of relations, by their paths. */
export async function passedOverRelations(logFile: string): Promise<readonly string[]> {
  const log = await readFile(logFile, 'utf8')
  const found = log.matchAll(/page \d+ of relation (\S+) (?:does not exist|is uninitialized)/g)
  return [...new Set(Array.from(found, ([, path = '']) => path))]
}

/** Such a relation has lost changes, when it is one that was needed. */
export function assertWhole(
  passedOver: readonly string[],
  { choice, withheld }: Pick<ChosenFiles, 'choice' | 'withheld'>,
): void {
  const hurt = passedOver.find(path => {
    const key = choice.keyOf(path)
    return choice.judge(path) === 'needed' && (key === undefined || !withheld.has(key))
  })
  if (hurt === undefined) return
  throw new Fault(
    'SERVER_START',
    `recovery passed over changes of ${hurt}, which is needed: the copy is not whole`,
    {
      hint: 'Run holdfast verify, and restore the whole cluster with holdfast restore; nothing was changed in the live server.',
    },
  )
}
