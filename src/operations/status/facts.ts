/** What `status` has to know of one repository. Reads names, records and a few heads, and needs no key. */
import { inTime } from '../../base/in-time.ts'
import { Fault, isFault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { formatDuration } from '../../base/units.ts'
import type { World } from '../../base/world.ts'
import { listBackups } from '../../repository/catalog.ts'
import type { BackupSummary } from '../../repository/format/backup-summary.ts'
import type { Repository } from '../../repository/repository.ts'
import { openWalStore, type WalStore } from '../../repository/wal-store.ts'
import { readHoldings, type Holdings, type NoBackup, type StoredWal } from '../copy/holdings.ts'
import type { Unwanted } from '../copy/retention.ts'
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
  readonly open: (signal: AbortSignal) => Promise<Repository>
}

export type PlaceFacts = SeenPlace | UnseenPlace

interface AnyPlace {
  readonly place: Omit<StatusPlace, 'open'>
}

export interface UnseenPlace extends AnyPlace {
  readonly fault: Fault
}

export interface SeenPlace extends AnyPlace {
  readonly fault: undefined
  readonly backups: readonly BackupSummary[]
  readonly others: readonly NoBackup[]
  /** By name. */
  readonly wal: ReadonlyMap<string, StoredWal>
  readonly newestWal: NewestWal | undefined
  readonly windows: WalStatus['windows']
  readonly gaps: WalStatus['gaps']
  /** Backups that no restore would begin with now. */
  readonly unusable: WalStatus['unusableBackups']
}

export interface NewestWal {
  readonly name: string
  /** Of the newest commit that any of the last segments tells; ISO 8601. */
  readonly lastCommit: string | undefined
}

/** A repository that is dead or hangs is told of, and keeps nobody waiting longer than the limit. */
export async function readPlace(
  { open, ...place }: StatusPlace,
  { clock }: Pick<World, 'clock'>,
  signal: AbortSignal,
): Promise<PlaceFacts> {
  const tooLate = new AbortController()
  const stop = AbortSignal.any([signal, tooLate.signal])
  const late = (): Fault => silent(place.name)
  const work = async (): Promise<SeenPlace> => ({
    place,
    fault: undefined,
    ...(await readFacts(await open(stop), stop)),
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

async function readFacts(
  repository: Repository,
  signal: AbortSignal,
): Promise<Omit<SeenPlace, 'place' | 'fault'>> {
  const { walSegmentSizeBytes } = repository.identity
  const wal = openWalStore(repository, { encoding: { level: 1, recipients: [] }, identities: [] })
  const [holdings, backups] = await Promise.all([
    readHoldings(repository, {}, signal),
    listBackups(repository, signal),
  ])
  const {
    windows,
    gaps,
    unusableBackups: unusable,
  } = await walStatus({ backups, wal, walSegmentSizeBytes }, signal)
  return {
    ...holdings,
    windows,
    gaps,
    unusable,
    newestWal: await newestOf(wal, [...holdings.wal.keys()], signal),
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
      // What is damaged is for `verify` to tell; here it only tells no time, as where WAL may be listed and not read.
      if (isFault(error, 'OBJECT_CORRUPT', 'STORAGE_DENIED')) return undefined
      throw error
    })
    if (head?.commits) return { name, lastCommit: head.commits.latest }
  }
  return { name, lastCommit: undefined }
}

function silent(name: string): Fault {
  return new Fault(
    'STORAGE_UNAVAILABLE',
    `"${name}" gave no answer within ${formatDuration(limits.statusMsMax)}`,
    { hint: 'Check that its storage can be reached from here: network, mount, credentials.' },
  )
}
