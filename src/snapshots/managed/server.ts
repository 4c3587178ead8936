/**
 * The port of managed servers: clouds that run PostgreSQL and give nobody its files. They make snapshots of a whole server by
 * themselves, and bring one back as a new server; no WAL of ours can be replayed on it.
 */
import type { Fault } from '../../base/fault.ts'
import type { FoundSnapshot, SnapshotState } from '../provider.ts'

export const managedNames = ['aws-rds', 'gcp-cloudsql'] as const
export type ManagedName = (typeof managedNames)[number]

export function isManaged(name: string): name is ManagedName {
  return managedNames.some(known => known === name)
}

export interface ManagedSettings {
  /** What the vendor calls the server. */
  readonly instance: string
  readonly timeLimitMs: number
}

export interface ManagedWish {
  readonly cluster: string
  /** The beginning of the id of the repository that the run writes to first: see SnapshotOwner. */
  readonly repository: string
  /** Of the entry in the catalogue: `20260301T020000Z-managed`. */
  readonly id: string
}

export interface ManagedSnapshot {
  /** All that is needed to find it again, whatever is configured then. */
  readonly reference: string
  readonly engine: string
  readonly engineVersion: string
  /** Of the server's disk, as far as the vendor tells. */
  readonly sizeBytes: number | undefined
  /** What a new server is made like: a class, a network. */
  readonly details: Readonly<Record<string, string>>
}

export interface ManagedState extends SnapshotState {
  /** When the vendor says that it was made. */
  readonly createdMs?: number | undefined
}

/** By its tags, with what the vendor says of it. */
export interface FoundManaged extends FoundSnapshot {
  readonly state: ManagedState
}

export interface ManagedListing {
  readonly found: readonly FoundManaged[]
  /** Why a region could not be asked: what lies there is not among those that were found. Empty: all of them were. */
  readonly closed: readonly Fault[]
}

export interface ManagedRestore {
  readonly reference: string
  readonly details: Readonly<Record<string, string>>
  /** The new server's name. Nothing is ever replaced. */
  readonly name: string
}

export interface ManagedServer {
  readonly name: ManagedName
  readonly instance: string
  /** Begins it; whether it is ready is asked with `describe`. Done twice for one wish, it gives the one that is there. */
  create(wish: ManagedWish, signal: AbortSignal): Promise<ManagedSnapshot>
  /** All of this cluster, whoever made them, also in the region that is copied to. */
  list(wish: Pick<ManagedWish, 'cluster'>, signal: AbortSignal): Promise<ManagedListing>
  /** Undefined when there is none. An outage is a fault, not an absence. */
  describe(reference: string, signal: AbortSignal): Promise<ManagedState | undefined>
  /** Where copies go by the configuration. */
  readonly copyTarget: string | undefined
  /** Begins the copy of what is ready. Done twice, it gives the one that is there. */
  copy(
    wish: ManagedWish,
    snapshot: Pick<ManagedSnapshot, 'reference'>,
    region: string,
    signal: AbortSignal,
  ): Promise<string>
  /** Returns when the new server answers, with its address. */
  restore(request: ManagedRestore, signal: AbortSignal): Promise<{ readonly address: string }>
  /** Removing what is gone already succeeds. */
  remove(reference: string, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}
