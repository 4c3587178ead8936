/** How a provider is opened: from the configuration's section `snapshots`. */
import type { CloudAccess } from '../cloud/access.ts'
import type { ProviderName } from './provider.ts'

export interface NamedVolume {
  /** Where it is mounted on this host. */
  readonly mount: string
  /** What the provider calls it. */
  readonly id: string
}

export interface SnapshotSettings {
  readonly provider: ProviderName
  /** Volumes whose names the provider can not find out by itself. */
  readonly volumes: readonly NamedVolume[]
  /** Put before the programs of btrfs, zfs and lvm: `sudo -n`. */
  readonly prefix: readonly string[]
  /** For each call of a program or an API. */
  readonly timeLimitMs: number
  /** btrfs and reflink: absolute folders, at most one for each file system. */
  readonly directories: readonly string[]
  readonly command: CommandSettings | undefined
  /** For the providers of clouds. */
  readonly cloud?: CloudSettings | undefined
}

export interface CloudSettings {
  readonly access: CloudAccess
  /** Google: the project; else that of the credentials. */
  readonly project?: string | undefined
  /** Google: the region or group of regions in which snapshots are kept; else where Google puts them. */
  readonly storageLocation?: string | undefined
  /** Another region, where each snapshot is copied to. */
  readonly copyTo?: { readonly region: string; readonly kmsKey?: string | undefined } | undefined
  /** Google says labels. */
  readonly tags: Readonly<Record<string, string>>
  /** Where the machine asks who it is; another one is for tests. */
  readonly metadataEndpoint?: string | undefined
}

export interface CommandSettings {
  /** The program and its first words. */
  readonly program: readonly string[]
  readonly restores: 'trees' | 'volumes'
}
