/** What a repository holds, as far as a copy has to know. Reads names and records, no data, and needs no key. */
import type { FaultCode } from '../../base/fault.ts'
import type { BackupSummary } from '../../repository/format/backup-summary.ts'
import { listBackupFolders } from '../../repository/backup-folders.ts'
import { readCatalog } from '../../repository/catalog.ts'
import { readDumps } from '../../repository/dump-catalog.ts'
import { foldersAfter } from '../../repository/folder-states.ts'
import type { DumpSummary } from '../../repository/format/dump-summary.ts'
import { walNameOf, walPrefix } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import { dumpShelf } from '../../repository/shelf.ts'

export interface StoredWal {
  readonly name: string
  readonly key: string
  readonly sizeBytes: number
  /** By the storage's clock. */
  readonly modifiedMs: number
  /** As lists tell it; absent: the usual one. */
  readonly storageClass?: string | undefined
}

export interface Holdings {
  /** Committed ones, in the order of the catalogue: parents before children. */
  readonly backups: readonly BackupSummary[]
  /** Folders that are no backups (yet), each with the reason. */
  readonly others: readonly NoBackup[]
  /** By name. A file that lies there sealed and open is taken once. */
  readonly wal: ReadonlyMap<string, StoredWal>
}

export interface NoBackup {
  readonly id: string
  /** A clause without a subject: `waits for its WAL`. */
  readonly why: string
  /** Of a record that can not be read; whatever else is no damage. */
  readonly code?: FaultCode
}

export interface HeldDumps {
  /** Committed ones, oldest first. */
  readonly dumps: readonly DumpSummary[]
  /** Folders that are no dumps (yet). */
  readonly others: readonly NoBackup[]
}

/** Of a destination: what is there need not be known any better. */
export interface Held {
  readonly ids: ReadonlySet<string>
  readonly wal: ReadonlyMap<string, StoredWal>
}

export const noDumps: HeldDumps = { dumps: [], others: [] }
export const nothingThere: Holdings = { backups: [], others: [], wal: new Map() }
export const nothingHeld: Held = { ids: new Set(), wal: new Map() }

export interface WalScope {
  /** Only WAL whose key is greater. */
  readonly after?: string | undefined
}

export async function readHoldings(
  repository: Repository,
  { after }: WalScope,
  signal: AbortSignal,
): Promise<Holdings> {
  const { backups, awaiting, damaged, incomplete } = await readCatalog(repository, signal)
  return {
    backups,
    others: [
      ...awaiting.map(({ id }) => ({ id, why: 'waits for its WAL to arrive' })),
      ...incomplete.map(({ id }) => ({ id, why: 'is unfinished: being written, or left behind' })),
      ...damaged.map(({ id, fault }) => ({ id, why: `can not be read: ${fault.message}`, code: fault.code })),
    ],
    wal: await readWal(repository, after, signal),
  }
}

export async function readDumpHoldings(repository: Repository, signal: AbortSignal): Promise<HeldDumps> {
  const { dumps, damaged, incomplete } = await readDumps(repository, signal)
  return {
    dumps,
    others: [
      ...incomplete.map(id => ({ id, why: 'is unfinished: being written, or left behind' })),
      ...damaged.map(({ id, fault }) => ({ id, why: `can not be read: ${fault.message}`, code: fault.code })),
    ],
  }
}

/** Ids of the dumps of a destination. */
export async function readHeldDumps(
  repository: Repository,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const states = await foldersAfter(repository, undefined, signal, dumpShelf)
  return new Set(states.filter(({ state }) => state === 'committed').map(({ id }) => id))
}

/**
 * `isQuick`: by the index, if there is one. Else by the folders themselves: a backup that the index still names and that is
 * gone would never be copied again.
 */
export async function readHeld(
  repository: Repository,
  { after, isQuick }: WalScope & { readonly isQuick: boolean },
  signal: AbortSignal,
): Promise<Held> {
  const ids = new Set<string>()
  if (isQuick) for (const { id } of (await readCatalog(repository, signal)).backups) ids.add(id)
  else
    for await (const { id, state } of listBackupFolders(repository, signal))
      if (state === 'committed') ids.add(id)
  return { ids, wal: await readWal(repository, after, signal) }
}

async function readWal(
  { storage, identity }: Repository,
  after: string | undefined,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, StoredWal>> {
  const wal = new Map<string, StoredWal>()
  const prefix = walPrefix(identity.cluster)
  for await (const { key, sizeBytes, modifiedMs, storageClass } of storage.list({ prefix, after }, signal)) {
    const name = walNameOf(identity.cluster, key)
    if (name !== undefined && !wal.has(name))
      wal.set(name, { name, key, sizeBytes, modifiedMs, storageClass })
  }
  return wal
}
