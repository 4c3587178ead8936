/**
 * The port of snapshot providers: file systems and clouds that can freeze a volume in a moment.
 *
 * Terms: a *tree* is a folder that matters (the data directory, a tablespace, pg_wal); a *volume* is the smallest thing that
 * the provider snapshots, and one or more trees lie on it; a *reference* is the provider's own name of a snapshot, and all it
 * needs to find it again. What PostgreSQL needs around a snapshot is none of a provider's business.
 */
export const providerNames = ['btrfs', 'reflink', 'zfs', 'lvm', 'command', 'aws-ebs', 'gce-pd'] as const
export type ProviderName = (typeof providerNames)[number]

/** What of the cluster a tree is: `data`, `wal`, or the oid of a tablespace in decimal. */
export type Holding = 'data' | 'wal' | `${number}`

export interface Tree {
  readonly holds: Holding
  /** Absolute, without links in it. */
  readonly path: string
}

export interface VolumeTree extends Tree {
  /** Where it lies in the volume; empty: the volume's root. */
  readonly inside: string
}

export interface Volume {
  /** Different in one snapshot, of `[a-z0-9-]`: what it holds first, as `data`, `wal`, `ts16500`. */
  readonly name: string
  /** The provider's own name: a subvolume, a dataset, a logical volume, the id of a disk. */
  readonly source: string
  /** Where its root is seen on this host. */
  readonly mountPath: string
  readonly fileSystem: string
  readonly trees: readonly VolumeTree[]
}

export interface SnapshotCluster {
  readonly cluster: string
  readonly systemIdentifier: string
}

/** Whose snapshots these are. They carry it as tags or in their names, so that what a killed run left is found. */
export interface SnapshotOwner extends SnapshotCluster {
  /**
   * The beginning of the id of the repository that the run writes to. A clone of the server has the same name and system
   * identifier, and a repository of its own: what is in no other repository's catalogue is not its to remove.
   */
  readonly repository: string
}

export interface CreateRequest extends SnapshotOwner {
  /** The id of the backup: `20260301T020000Z-snapshot`. */
  readonly id: string
  readonly volumes: readonly Volume[]
  /**
   * This volume must not be frozen before the others are: it has the control file of a standby, which says how far the WAL has
   * to be replayed. A provider that freezes all of them in the same moment need not care.
   */
  readonly last?: string | undefined
  /** Names within trees, for providers that copy file by file: what is not needed, and what comes after everything else. */
  readonly copyRules: CopyRules
}

export interface CopyRules {
  /** Folders (relative to the data directory) that are copied without what is in them. */
  readonly emptied: readonly string[]
  /** Files of the data directory that are copied when all others were. */
  readonly last: readonly string[]
}

export interface TakenSnapshot {
  /** The volume's name. */
  readonly volume: string
  readonly reference: string
  /** What the snapshot takes, or the volume's size, as far as the provider tells. */
  readonly sizeBytes: number | undefined
  /** What else the provider wants to know later: a region, a zone, a kind of disk. */
  readonly details: Readonly<Record<string, string>>
}

/** A snapshot that is there, by its tags. */
export interface FoundSnapshot {
  readonly id: string
  readonly volume: string
  readonly reference: string
  /** Whose run made it; undefined where it does not say. */
  readonly repository: string | undefined
}

export interface SnapshotState {
  /** `pending`: it is frozen, and its bytes are still on their way. */
  readonly state: 'ready' | 'pending' | 'failed'
  readonly percent?: number | undefined
  readonly sizeBytes?: number | undefined
}

/** What a record keeps of one volume, and a provider is asked about. */
export interface KnownSnapshot {
  readonly volume: string
  readonly reference: string
  readonly details: Readonly<Record<string, string>>
}

export interface RestoreRequest extends SnapshotCluster {
  readonly id: string
  readonly snapshot: KnownSnapshot
  readonly fileSystem: string
  /** Of a provider that restores trees: the one to bring back, as it lies in the volume. Else empty. */
  readonly inside: string
  /** Absolute; its parent is there, it is not. The tree, or the root of the new volume, appears here, writable. */
  readonly to: string
}

export interface RestoredPlace {
  /** For people: `a copy that shares its blocks with the snapshot`, `the new volume vol-0123, mounted`. */
  readonly what: string
  /** The provider's own name of a new volume, if it made one. */
  readonly volume: string | undefined
  /** Takes it away again, when the rest of the restore failed. */
  discard(signal: AbortSignal): Promise<void>
}

export interface SnapshotProvider {
  readonly name: ProviderName
  /**
   * `trees`: single trees come back as copies, at the very place asked for. `volumes`: the whole volume comes back as a new one
   * and is mounted at the place.
   */
  readonly restores: 'trees' | 'volumes'
  /** The volumes that hold the trees. SNAPSHOT_UNSUPPORTED when one can not be snapshotted by this provider. Changes nothing. */
  volumesOf(trees: readonly Tree[], signal: AbortSignal): Promise<readonly Volume[]>
  /** All of them at the same time, and all or none: when one fails, the others are removed. Returns in the order asked for. */
  create(request: CreateRequest, signal: AbortSignal): Promise<readonly TakenSnapshot[]>
  /** All snapshots of this cluster, whoever made them, for whichever repository. `mountPaths`: volumes of the cluster on this host, as a place to look. */
  list(
    owner: SnapshotCluster,
    mountPaths: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly FoundSnapshot[]>
  /** Undefined when there is no such snapshot, as far as this host can see. An outage is a fault, not an absence. */
  describe(snapshot: KnownSnapshot, signal: AbortSignal): Promise<SnapshotState | undefined>
  restore(request: RestoreRequest, signal: AbortSignal): Promise<RestoredPlace>
  /**
   * Of a provider that makes volumes: takes away what `restore` has made of this very request, however far it came and whoever
   * asked; he may have been killed. `to` has to be a place that was never used before. What is gone, or never was, succeeds.
   */
  readonly discard?: (request: RestoreRequest, signal: AbortSignal) => Promise<void>
  /** Removing what is gone already succeeds. */
  remove(snapshot: KnownSnapshot, signal: AbortSignal): Promise<void>
  /** Where the volume's root can be read in place on this host, without making anything; undefined when it can not. */
  readonly readablePath?: (snapshot: KnownSnapshot, signal: AbortSignal) => Promise<string | undefined>
  /** What this host may do, as far as the provider tells without doing it. */
  readonly rights?: (
    owner: SnapshotCluster,
    volumes: readonly Volume[],
    signal: AbortSignal,
  ) => Promise<readonly RightCheck[]>
  readonly regions?: SnapshotRegions
  readonly locks?: SnapshotLocks
  close(): Promise<void>
}

export interface RightCheck {
  /** As the vendor calls it: `ec2:CreateSnapshots in eu-central-1`. */
  readonly right: string
  readonly verdict: 'given' | 'missing' | 'unknown'
  readonly message?: string
}

/** Optional: copies elsewhere, for when a whole region is lost. */
export interface SnapshotRegions {
  /** Where copies go by the configuration; none: no copies are made. */
  readonly targets: readonly string[]
  /** The region of this host, where a restore can be made; undefined when it is none of the cloud's. */
  here(signal: AbortSignal): Promise<string | undefined>
  /** Begins the copy; whether it is ready is asked with `describe`. Done twice, it gives the copy that is there. */
  copy(
    snapshot: KnownSnapshot,
    owner: SnapshotOwner,
    id: string,
    region: string,
    signal: AbortSignal,
  ): Promise<KnownSnapshot>
}

/** Optional: snapshots that nobody can delete before their time. */
export interface SnapshotLocks {
  /** Never shortens a lock. */
  lock(
    snapshot: KnownSnapshot,
    untilMs: number,
    mode: 'governance' | 'compliance',
    signal: AbortSignal,
  ): Promise<void>
}
