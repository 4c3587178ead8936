/**
 * Full backup and restore: both tools, one after the other on the same running server, the order turned each round.
 * Before each the disk is at rest and the source equally warm (or cold); what was written is removed after it.
 */
import { join } from 'node:path'
import { archiveAll, makeOwned, query, type Cluster } from './cluster.ts'
import { remove, settle, syncMs, treeSize } from './disk.ts'
import { measure, type Measured } from './measure.ts'
import type { Caches } from './options.ts'
import type { BackupTool, ToolName } from './tool.ts'

export interface BaseBackupRun {
  readonly tool: ToolName
  readonly backup: Measured
  readonly restore: Measured | undefined
  /** How long `sync` takes right after the restore: what it left for later. Others' writes count, too. */
  readonly restoreSyncMs: number
  readonly storedSizeBytes: number
  readonly storedFiles: number
  /** With the WAL that is archived meanwhile; undefined where nobody counts. */
  readonly backupRequests?: number | undefined
  readonly restoreRequests?: number | undefined
}

export interface BaseBackupSettings {
  readonly runs: number
  readonly caches: Caches
  readonly restore: boolean
  /** Where restores go. */
  readonly scratch: string
}

export async function runBaseBackups(
  cluster: Cluster,
  tools: readonly BackupTool[],
  settings: BaseBackupSettings,
  say: (text: string) => void,
): Promise<BaseBackupRun[]> {
  const runs: BaseBackupRun[] = []
  for (let round = 0; round < settings.runs; round++) {
    for (const tool of round % 2 === 0 ? tools : tools.toReversed()) {
      const result = await runOnce(cluster, tool, settings)
      say(described(result, round))
      runs.push(result)
    }
  }
  return runs
}

async function runOnce(
  cluster: Cluster,
  tool: BackupTool,
  { caches, restore, scratch }: BaseBackupSettings,
): Promise<BaseBackupRun> {
  await tool.fresh(cluster)
  try {
    await archiveAll(cluster)
    await query(cluster, 'checkpoint')
    settle(caches, [cluster.dataDirectory])
    const requestsBefore = await tool.place.requests()
    const backup = await measure(tool.backup(), cluster.as, { directory: tool.directory })
    const stored = await tool.place.sizeOf(tool.backupsPrefix)
    return {
      tool: tool.name,
      backup,
      backupRequests: await requestsSince(tool, requestsBefore),
      ...(restore
        ? await measureRestore(cluster, tool, caches, scratch)
        : { restore: undefined, restoreSyncMs: 0 }),
      storedSizeBytes: stored.sizeBytes,
      storedFiles: stored.files,
    }
  } finally {
    await tool.clear()
  }
}

async function measureRestore(
  cluster: Cluster,
  tool: BackupTool,
  caches: Caches,
  scratch: string,
): Promise<Pick<BaseBackupRun, 'restore' | 'restoreSyncMs' | 'restoreRequests'>> {
  const target = join(scratch, `restore-${tool.name}`)
  remove(target)
  makeOwned(target)
  try {
    settle(caches, tool.place.kind === 'folder' ? [tool.place.directory] : [])
    const requestsBefore = await tool.place.requests()
    const restore = await measure(tool.restore(target), cluster.as, { directory: tool.directory })
    const restoreSyncMs = syncMs()
    assertWhole(join(cluster.dataDirectory, 'base'), join(target, 'base'))
    return { restore, restoreSyncMs, restoreRequests: await requestsSince(tool, requestsBefore) }
  } finally {
    remove(target)
  }
}

export async function requestsSince(
  { place }: BackupTool,
  before: number | undefined,
): Promise<number | undefined> {
  const now = await place.requests()
  return now === undefined || before === undefined ? undefined : now - before
}

/** A fast restore of half the files would win every bench. */
function assertWhole(source: string, target: string): void {
  const [expected, found] = [treeSize(source), treeSize(target)]
  if (
    Math.abs(found.files - expected.files) > 50 ||
    Math.abs(found.sizeBytes - expected.sizeBytes) > expected.sizeBytes / 1000
  ) {
    throw new Error(`${target} has ${JSON.stringify(found)}, its source ${JSON.stringify(expected)}`)
  }
}

function described(run: BaseBackupRun, round: number): string {
  const { tool, backup, restore, restoreSyncMs, storedSizeBytes } = run
  const one = (m: Measured): string =>
    `${(m.wallMs / 1000).toFixed(2)} s, cpu ${(m.cpuMs / 1000).toFixed(2)} s, ${(m.peakTreePssBytes / 2 ** 20).toFixed(0)} MiB`
  const back =
    restore === undefined
      ? ''
      : `; restore ${one(restore)} (a sync after it: ${(restoreSyncMs / 1000).toFixed(2)} s)`
  const requests =
    run.backupRequests === undefined
      ? ''
      : `; requests ${[run.backupRequests, run.restoreRequests].filter(count => count !== undefined).join(', ')}`
  return `round ${String(round + 1)}, ${tool}: backup ${one(backup)}, stored ${(storedSizeBytes / 2 ** 20).toFixed(0)} MiB${back}${requests}`
}
