/** What `status` has to know of one repository. Reads names, records and a few heads, and needs no key. */
import { archiveRepository } from '../../repository/archive-repository.ts'
import type { Reach } from '../../storage/second-ports.ts'
import { inTime } from '../../base/in-time.ts'
import { Fault, isFault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { formatDuration } from '../../base/units.ts'
import type { World } from '../../base/world.ts'
import { listBackups, readBackups } from '../../repository/catalog.ts'
import { readDumps } from '../../repository/dump-catalog.ts'
import { readDrills } from '../../repository/drill-catalog.ts'
import type { DrillSummary } from '../../repository/format/drill-record.ts'
import type { DumpSummary } from '../../repository/format/dump-summary.ts'
import type { BackupSummary } from '../../repository/format/backup-summary.ts'
import { readAllManaged } from '../../repository/managed-records.ts'
import type { Repository } from '../../repository/repository.ts'
import { openWalStore, type WalStore } from '../../repository/wal-store.ts'
import { readHoldings, type Holdings, type NoBackup, type StoredWal } from '../copy/holdings.ts'
import { proveKey } from './key-proof.ts'
import type { Unwanted } from '../copy/retention.ts'
import {
  lostCopiesOf,
  vanishedOf,
  whyVanished,
  type LostCopy,
  type OpenProvider,
  type Vanished,
} from '../snapshot/presence.ts'
import { presencesOf, unknownPresences, type ManagedPresence, type OpenManaged } from '../managed/presence.ts'
import { coldNewest, type ColdNewest } from '../thaw/cold-newest.ts'
import { walStatus, type WalStatus } from '../wal-status.ts'

/** A repository of the configuration, not opened yet. */
export interface StatusPlace {
  readonly name: string
  readonly url: string
  /** `first`: where backups and WAL go; `also`: with `write: all`, the others that they go to. */
  readonly role: 'first' | 'also' | 'copy' | 'idle'
  readonly copyOf: string | undefined
  /** What it would not keep of what another one has: that is no lag. */
  readonly unwantedOf?: (holdings: Pick<Holdings, 'backups'>) => Unwanted
  readonly open: (signal: AbortSignal) => Promise<OpenedPlace>
  /** What is known of the way there, also when it leads nowhere; undefined where there is none, as to a folder. */
  readonly openReach?: () => Promise<Reach | undefined>
  /** Opens what a snapshot was made by, to ask whether it is there. */
  readonly openProvider?: OpenProvider
  /** Where the configuration has a managed server: opens that of a record. */
  readonly openManaged?: OpenManaged | undefined
}

export interface OpenedPlace {
  readonly repository: Repository
  /** The secret keys that are configured, to prove that they open what is there. */
  readonly identities?: () => Promise<readonly string[]>
}

export type PlaceFacts = SeenPlace | UnseenPlace

interface AnyPlace {
  readonly place: Omit<StatusPlace, 'open' | 'openReach' | 'openProvider' | 'openManaged'>
}

export interface UnseenPlace extends AnyPlace {
  readonly fault: Fault
}

export interface SeenPlace extends AnyPlace {
  readonly fault: undefined
  /** Of the cluster whose repository it is. */
  readonly systemIdentifier: string
  readonly backups: readonly BackupSummary[]
  /** Absent where dumps can not be read. */
  readonly dumps?: readonly Pick<
    DumpSummary,
    'id' | 'startedAt' | 'endedAt' | 'durationMs' | 'sizes' | 'databases' | 'selection'
  >[]
  /** Oldest first. */
  readonly drills: readonly DrillSummary[]
  /** Whether the configured key opens the newest WAL; undefined where that can not be tried. */
  readonly key: 'opens' | Fault | undefined
  readonly others: readonly NoBackup[]
  /** By name. */
  readonly wal: ReadonlyMap<string, StoredWal>
  readonly newestWal: NewestWal | undefined
  /** What lies in its archive. */
  readonly archived: readonly ArchivedFacts[]
  readonly windows: WalStatus['windows']
  readonly gaps: WalStatus['gaps']
  /** Snapshots whose volumes are gone, or have failed. */
  readonly vanished: readonly Vanished[]
  /** Copies of snapshots in other regions that are gone, or have failed. */
  readonly lostCopies: readonly LostCopy[]
  /** Snapshots that managed servers made; undefined where there is none to be expected. */
  readonly managed: readonly ManagedPresence[] | undefined
  /** The storage's clock less ours, where it tells. */
  readonly clockAheadMs?: number | undefined
  /** What of its newest full backup, or newest dump, has to be thawed first. */
  readonly cold?: ColdNewest | undefined
  /** Backups that no restore would begin with now. */
  readonly unusable: WalStatus['unusableBackups']
}

export type ArchivedFacts = Pick<BackupSummary | DumpSummary, 'id' | 'endedAt' | 'kind'>

export interface NewestWal {
  readonly name: string
  /** Of the newest commit that any of the last segments tells; ISO 8601. */
  readonly lastCommit: string | undefined
}

/** A repository that is dead or hangs is told of, and keeps nobody waiting longer than the limit. */
export async function readPlace(
  { open, openReach: _, openProvider, openManaged, ...place }: StatusPlace,
  { clock }: Pick<World, 'clock'>,
  signal: AbortSignal,
): Promise<PlaceFacts> {
  const tooLate = new AbortController()
  const stop = AbortSignal.any([signal, tooLate.signal])
  const late = (): Fault => silent(place.name)
  const work = async (): Promise<SeenPlace> => ({
    place,
    fault: undefined,
    ...(await readFacts(await open(stop), { openProvider, openManaged, clock }, stop)),
  })
  try {
    return await inTime(work(), clock, limits.statusMsMax, late)
  } catch (error) {
    tooLate.abort(error)
    signal.throwIfAborted()
    if (isFault(error)) return { place, fault: error }
    throw error
  }
}

interface Vendors extends Pick<World, 'clock'> {
  readonly openProvider: OpenProvider | undefined
  readonly openManaged: OpenManaged | undefined
}

async function readFacts(
  { repository, identities }: OpenedPlace,
  vendors: Vendors,
  signal: AbortSignal,
): Promise<Omit<SeenPlace, 'place' | 'fault'>> {
  const { walSegmentSizeBytes } = repository.identity
  const wal = openWalStore(repository, { encoding: { level: 1, recipients: [] }, identities: [] })
  const [holdings, backups, dumps] = await Promise.all([
    readHoldings(repository, {}, signal),
    listBackups(repository, signal),
    unlessDenied(async () => (await readDumps(repository, signal)).dumps),
  ])
  const [{ vanished, lostCopies }, managed, drills, key] = await Promise.all([
    lossesIn(repository, backups, vendors, signal),
    managedIn(repository, vendors, signal),
    unlessDenied(() => readDrills(repository, signal)),
    identities && proveKey(repository, holdings.wal, identities, signal),
  ])
  const absent = whyVanished(vanished)
  const {
    windows,
    gaps,
    unusableBackups: unusable,
  } = await walStatus({ backups, absent, wal: withList(wal, holdings), walSegmentSizeBytes }, signal)
  return {
    ...holdings,
    systemIdentifier: repository.identity.systemIdentifier,
    ...(dumps ? { dumps } : {}),
    drills: drills?.drills ?? [],
    key,
    windows,
    gaps,
    unusable,
    vanished,
    lostCopies,
    managed,
    newestWal: await newestOf(wal, [...holdings.wal.keys()], signal),
    archived: await listArchived(repository, signal),
    cold: await unlessDenied(() => coldNewest(repository, { backups, dumps }, signal)),
    clockAheadMs: await clockAheadOf(repository, signal),
  }
}

/** All else has been read: what fails now says nothing against the repository. */
async function clockAheadOf({ storage }: Repository, signal: AbortSignal): Promise<number | undefined> {
  try {
    return await storage.reach?.clockSkewMs(signal)
  } catch (error) {
    signal.throwIfAborted()
    if (isFault(error)) return undefined
    throw error
  }
}

/** Who may not read there does not know: its own credentials are for something else. */
async function listArchived(repository: Repository, signal: AbortSignal): Promise<readonly ArchivedFacts[]> {
  try {
    const archive = archiveRepository(repository)
    const [backups, dumps] = await Promise.all([listBackups(archive, signal), readDumps(archive, signal)])
    return [...backups, ...dumps.dumps]
  } catch (error) {
    if (isFault(error, 'STORAGE_DENIED')) return []
    throw error
  }
}

type Losses = Pick<SeenPlace, 'vanished' | 'lostCopies'>

async function lossesIn(
  repository: Repository,
  backups: readonly BackupSummary[],
  { openProvider, clock }: Vendors,
  signal: AbortSignal,
): Promise<Losses> {
  const none: Losses = { vanished: [], lostCopies: [] }
  const ids = backups.filter(({ kind }) => kind === 'snapshot').map(({ id }) => id)
  if (!openProvider || ids.length === 0) return none
  const records = await readBackups(repository, ids, signal)
  const ask = async (stop: AbortSignal): Promise<Losses> => {
    const vanished = await vanishedOf(records, openProvider, stop)
    const there = records.filter(({ id }) => !vanished.some(one => one.id === id))
    return { vanished, lostCopies: await lostCopiesOf(there, openProvider, stop) }
  }
  return inTimeOr(ask, () => none, clock, signal)
}

async function managedIn(
  repository: Repository,
  { openManaged, clock }: Vendors,
  signal: AbortSignal,
): Promise<readonly ManagedPresence[] | undefined> {
  if (!openManaged) return undefined
  const { records } = await readAllManaged(repository, signal)
  const ask = (stop: AbortSignal): Promise<readonly ManagedPresence[]> =>
    presencesOf(records, openManaged, stop)
  return inTimeOr(ask, late => unknownPresences(records, late), clock, signal)
}

/** Who made the snapshots is given up on before the repository is. */
async function inTimeOr<T>(
  ask: (stop: AbortSignal) => Promise<T>,
  otherwise: (late: Fault) => T,
  clock: World['clock'],
  signal: AbortSignal,
): Promise<T> {
  const tooLate = new AbortController()
  const late = noAnswer()
  try {
    const asked = ask(AbortSignal.any([signal, tooLate.signal]))
    return await inTime(asked, clock, limits.statusSnapshotsMsMax, () => late)
  } catch (error) {
    tooLate.abort(late)
    if (error !== late) throw error
    return otherwise(late)
  }
}

/** Who writes WAL and backups only may have no right to look at dumps, or at drills. */
async function unlessDenied<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (isFault(error, 'STORAGE_DENIED')) return undefined
    throw error
  }
}

/** What has been listed need not be listed again. */
function withList(wal: WalStore, holdings: Pick<Holdings, 'wal'>): Pick<WalStore, 'head' | 'list'> {
  return {
    ...wal,
    async *list() {
      yield* holdings.wal.values()
    },
  }
}

async function newestOf(
  wal: Pick<WalStore, 'head'>,
  names: readonly string[],
  signal: AbortSignal,
): Promise<NewestWal | undefined> {
  const newest = names
    .filter(name => /^[0-9A-F]{24}$/.test(name))
    .sort()
    .slice(-limits.statusWalHeadsMax)
    .toReversed()
  const [name] = newest
  if (name === undefined) return undefined
  for (const each of newest) {
    const head = await wal.head(each, signal).catch((error: unknown) => {
      // What is damaged is for `verify` to tell; here it only tells no time, as where WAL may be listed and not read, or is cold.
      if (isFault(error, 'OBJECT_CORRUPT', 'STORAGE_DENIED', 'OBJECT_COLD')) return undefined
      throw error
    })
    if (head?.commits) return { name, lastCommit: head.commits.latest }
  }
  return { name, lastCommit: undefined }
}

function noAnswer(): Fault {
  return new Fault(
    'CLOUD_UNAVAILABLE',
    `there was no answer within ${formatDuration(limits.statusSnapshotsMsMax)}`,
    { hint: 'Check that the provider of the snapshots can be reached from here.' },
  )
}

function silent(name: string): Fault {
  return new Fault(
    'STORAGE_UNAVAILABLE',
    `"${name}" gave no answer within ${formatDuration(limits.statusMsMax)}`,
    { hint: 'Check that its storage can be reached from here: network, mount, credentials.' },
  )
}
