/** The snapshots themselves, taken between the begin and the end of a backup on the server. */
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Progress } from '../../base/progress.ts'
import type { World } from '../../base/world.ts'
import type { BackupEnd, BackupSession } from '../../postgres/backup-session.ts'
import { readControlFile, type ControlFile } from '../../postgres/control-file.ts'
import { controlFilePath, emptiedDirectories } from '../../postgres/data-directory/exclusions.ts'
import type { SnapshotCopyRecord, SnapshotVolumeRecord } from '../../repository/format/snapshot-part.ts'
import type {
  CopyRules,
  KnownSnapshot,
  SnapshotOwner,
  SnapshotProvider,
  TakenSnapshot,
  Volume,
} from '../../snapshots/provider.ts'

export interface Taken {
  readonly snapshots: readonly TakenSnapshot[]
  readonly end: BackupEnd
  /** Read after the snapshots and before the end: what says how far a standby's copy has to be replayed is in them. */
  readonly control: ControlFile
}

export interface TakeRequest extends SnapshotOwner {
  readonly id: string
  readonly volumes: readonly Volume[]
  readonly dataDirectory: string
}

/** When anything fails, what was taken is removed; the caller closes the connection, which ends the backup on the server. */
export async function takeInBracket(
  provider: SnapshotProvider,
  session: BackupSession,
  { volumes, dataDirectory, ...request }: TakeRequest,
  signal: AbortSignal,
): Promise<Taken> {
  const withControlFile = volumes.find(({ trees }) => trees.some(({ holds }) => holds === 'data'))
  const last = session.fromStandby ? withControlFile?.name : undefined
  const { cluster, systemIdentifier, repository, id } = request
  const snapshots = await provider.create(
    { cluster, systemIdentifier, repository, id, volumes, last, copyRules },
    signal,
  )
  try {
    const { control } = await readControlFile(dataDirectory)
    return { snapshots, control, end: await session.end(signal) }
  } catch (error) {
    await removeTaken(provider, snapshots)
    throw error
  }
}

/** Also when the run was told to stop: each call has a limit of time of its own. */
export async function removeTaken(
  provider: SnapshotProvider,
  snapshots: readonly KnownSnapshot[],
): Promise<void> {
  const { signal } = new AbortController()
  await Promise.all(snapshots.map(snapshot => provider.remove(snapshot, signal)))
}

const copyRules: CopyRules = { emptied: ['pg_wal', ...emptiedDirectories], last: [controlFilePath] }

interface ReadyDeps {
  readonly world: World
  readonly progress: Progress
  readonly provider: SnapshotProvider
  readonly timeLimitMs: number
}

/** A snapshot of a cloud is frozen at once, and safe only when its bytes have arrived. */
export async function whenReady(
  { world: { clock }, progress, provider, timeLimitMs }: ReadyDeps,
  snapshots: readonly KnownSnapshot[],
  signal: AbortSignal,
): Promise<void> {
  for (const snapshot of snapshots) {
    const startedMs = clock.monotonicMs()
    let told = -1
    for (;;) {
      const state = await provider.describe(snapshot, signal)
      if (state?.state === 'ready') break
      if (state?.state !== 'pending') throw broken(snapshot, state ? 'has failed' : 'is gone')
      if (clock.monotonicMs() - startedMs > timeLimitMs)
        throw broken(
          snapshot,
          `is still not ready${state.percent === undefined ? '' : `, at ${String(state.percent)} %`}`,
        )
      if (state.percent !== undefined && state.percent !== told) {
        told = state.percent
        progress.note(`${snapshot.volume}: ${String(told)} %`)
      }
      await clock.sleep(limits.snapshotPollMs, signal)
    }
  }
}

/** Begun when the snapshot is ready, and waited for. */
export async function copyToRegions(
  deps: ReadyDeps,
  owner: SnapshotOwner,
  id: string,
  snapshot: KnownSnapshot,
  signal: AbortSignal,
): Promise<readonly SnapshotCopyRecord[]> {
  const { regions } = deps.provider
  if (!regions) return []
  const copies: SnapshotCopyRecord[] = []
  for (const region of regions.targets) {
    const { reference, details } = await regions.copy(snapshot, owner, id, region, signal)
    copies.push({ region, reference, details })
  }
  await whenReady(
    deps,
    copies.map(({ reference, details }) => ({ volume: snapshot.volume, reference, details })),
    signal,
  )
  return copies
}

export function recordOf(
  volume: Volume,
  taken: TakenSnapshot,
  copies: readonly SnapshotCopyRecord[],
): SnapshotVolumeRecord {
  const { name, source, mountPath, fileSystem, trees } = volume
  const { reference, sizeBytes = null, details } = taken
  return { name, reference, source, mountPath, fileSystem, sizeBytes, trees, details, copies }
}

const broken = ({ volume, reference }: KnownSnapshot, what: string): Fault =>
  new Fault('SNAPSHOT_FAILED', `the snapshot ${reference} of the volume ${volume} ${what}`, {
    hint: 'Look at it where it was made. When it only takes longer, raise snapshots.time_limit.',
  })
