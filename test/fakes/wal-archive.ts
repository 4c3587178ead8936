/** A repository in memory with a WAL store, and what pushes into it from a folder of WAL files. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { simWorld } from '../../src/base/world.ts'
import { pushWal, type WalPushed } from '../../src/operations/wal-push.ts'
import { initRepository, openRepository } from '../../src/repository/repository.ts'
import { openWalStore, type WalStore } from '../../src/repository/wal-store.ts'
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts'
import type { Storage } from '../../src/storage/storage.ts'
import type { ClusterOfWal } from '../../src/wal/cluster.ts'

export interface FakeArchive extends Disposable {
  readonly identity: ClusterOfWal
  readonly storage: Storage
  readonly store: WalStore
  /** A folder for the test's own files. */
  readonly folder: string
  /** Another view of the same repository. */
  open(options: { identities?: readonly string[]; storage?: Storage }): Promise<WalStore>
  push(name: string, bytes: Uint8Array | string): Promise<WalPushed>
}

export interface FakeArchiveOptions {
  readonly segmentSizeBytes?: number
  readonly systemIdentifier?: string
  readonly recipients?: readonly string[]
}

const signal = new AbortController().signal

export async function makeArchive(options: FakeArchiveOptions = {}): Promise<FakeArchive> {
  const world = simWorld({ startMs: Date.UTC(2026, 2, 1) })
  const storage = openMemoryStorage(world.clock)
  const walSegmentSizeBytes = options.segmentSizeBytes ?? 1 << 20
  const identity = { systemIdentifier: options.systemIdentifier ?? '7481', walSegmentSizeBytes }
  await initRepository(storage, { cluster: 'gathr', postgresMajor: 15, ...identity }, world, signal)
  const encoding = { level: 1, recipients: options.recipients ?? [] }
  const open: FakeArchive['open'] = async ({ identities = [], storage: other = storage }) =>
    openWalStore(await openRepository(other, 'gathr', signal), { encoding, identities })
  const store = await open({})
  const folder = mkdtempSync(join(tmpdir(), 'hf-wal-'))
  return {
    identity,
    storage,
    store,
    folder,
    open,
    async push(name, bytes) {
      const path = join(folder, name)
      writeFileSync(path, bytes)
      try {
        return await pushWal({ identity, store }, path, signal)
      } finally {
        rmSync(path)
      }
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}
