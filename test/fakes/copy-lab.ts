/** Repositories in memory with backups and WAL as real ones have them, sealed and all, but without PostgreSQL. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { World } from '../../src/base/world.ts'
import { silentProgress } from '../../src/base/progress.ts'
import { systemWorld } from '../../src/base/world.ts'
import type { CopyDeps } from '../../src/operations/copy/copy.ts'
import type { CopySide } from '../../src/operations/copy/sides.ts'
import type { generateIdentity } from '../../src/pipeline/age.ts'
import { decodeStream, suffixOf } from '../../src/pipeline/codec.ts'
import { commitBackup } from '../../src/repository/catalog.ts'
import { parseBackupRecord } from '../../src/repository/format/backup-json.ts'
import type { BackupRecord } from '../../src/repository/format/backup-record.ts'
import { backupFolder } from '../../src/repository/layout.ts'
import { readWhole } from '../../src/repository/objects.ts'
import { initRepository, openRepository } from '../../src/repository/repository.ts'
import { storeStream } from '../../src/repository/stored-stream.ts'
import { openWalStore } from '../../src/repository/wal-store.ts'
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts'
import type { Storage } from '../../src/storage/storage.ts'

export const labSignal = new AbortController().signal
export const labWorld: World = systemWorld()
export const labIdentity = {
  cluster: 'gathr',
  systemIdentifier: '7481234567890123456',
  postgresMajor: 15,
  walSegmentSizeBytes: 1 << 24,
}
const template = parseBackupRecord(
  readFileSync(new URL('../vectors/records/backup.json', import.meta.url)),
  'vector',
)

export type Keys = Awaited<ReturnType<typeof generateIdentity>>

export interface MemorySide extends CopySide {
  readonly storage: Storage
}

/** A place without a repository. */
export function emptyPlace(
  name: string,
  keys: Keys | undefined,
  storage = openMemoryStorage(labWorld.clock, `memory:${name}`),
): Omit<MemorySide, 'repository'> {
  return { name, storage, recipients: keys ? [keys.recipient] : [], identities: keys ? [keys.identity] : [] }
}

export async function openMemorySide(name: string, keys: Keys | undefined): Promise<MemorySide> {
  const place = emptyPlace(name, keys)
  await initRepository(place.storage, labIdentity, labWorld, labSignal)
  return withRepository(place)
}

export async function withRepository(place: Omit<MemorySide, 'repository'>): Promise<MemorySide> {
  return { ...place, repository: await openRepository(place.storage, labIdentity.cluster, labSignal) }
}

/** The segment with this number on timeline 1. */
export const segment = (number: number): string =>
  `0000000100000016${number.toString(16).toUpperCase().padStart(8, '0')}`

/** What a WAL file holds, by its name. */
export const walContent = (name: string): Buffer => Buffer.from(`${name} `.repeat(500))

export async function putWal(side: MemorySide, names: readonly string[]): Promise<void> {
  const store = openWalStore(side.repository, { encoding: encodingOf(side), identities: [] })
  for (const name of names) {
    const bytes = walContent(name)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const own = name.endsWith('.history')
      ? { ancestors: [{ timeline: 1, endLsn: '16/5000000' }] }
      : { systemIdentifier: labIdentity.systemIdentifier }
    const head = () => ({ name, sizeBytes: bytes.length, sha256, ...own })
    await store.put({ name, open: () => once(bytes), head }, labSignal)
  }
}

/** A committed backup that needs the segments from `first` to `last`, which are put there, too. */
export async function putBackup(
  side: MemorySide,
  id: string,
  [first, last]: readonly [number, number],
  more: Partial<BackupRecord> = {},
): Promise<BackupRecord> {
  await putWal(
    side,
    Array.from({ length: last - first + 1 }, (_, i) => segment(first + i)),
  )
  const encoding = encodingOf(side)
  const suffix = suffixOf(encoding)
  const folder = backupFolder(labIdentity.cluster, id)
  const put = async (name: string) => ({
    name,
    ...(await storeStream(
      { storage: side.storage, key: `${folder}/${name}`, encoding },
      once(packContent(id, name)),
      labSignal,
    )),
  })
  const packs = [await put(`data/00001.tar${suffix}`), await put(`data/00002.tar${suffix}`)]
  const [manifest, backupManifest] = [
    await put(`manifest.json${suffix}`),
    await put(`backup_manifest${suffix}`),
  ]
  const storedBytes = [...packs, manifest, backupManifest].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const record: BackupRecord = {
    ...template,
    id,
    kind: id.endsWith('-full') ? 'full' : 'incremental',
    startLsn: `16/${(first * 0x1000000).toString(16).toUpperCase()}`,
    stopLsn: `16/${(last * 0x1000000 + 256).toString(16).toUpperCase()}`,
    startWal: segment(first),
    stopWal: segment(last),
    packs: packs.map(pack => ({ ...pack, files: 1, rawBytes: 1 })),
    manifest,
    backupManifest,
    recipients: side.recipients,
    sizes: { files: 2, rawBytes: 2, storedBytes },
    checks: { pagesChecked: 0, pagesTorn: 0, pagesCorrupt: 0, corrupt: [] },
    ...more,
  }
  await commitBackup(side.repository, record, labSignal)
  return record
}

export const packContent = (id: string, name: string): Buffer => Buffer.from(`${id}/${name} `.repeat(4000))

export function copyDeps(from: CopySide, to: CopyDeps['to'], others: readonly CopySide[] = []): CopyDeps {
  return {
    world: labWorld,
    progress: silentProgress,
    log: { info: () => undefined, warn: () => undefined },
    from,
    to,
    async *others() {
      yield* others
    },
  }
}

/** All objects but what comes and goes: leases and indexes. */
export async function objectsIn(storage: Storage): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer>()
  for await (const { key } of storage.list('', labSignal)) {
    if (/\/(leases|catalog|dump-catalog)\//.test(key)) continue
    found.set(key, Buffer.from((await readWhole(storage, key, 2 ** 30, labSignal)) ?? []))
  }
  return found
}

/** The bytes that an object holds. */
export async function opened(storage: Storage, key: string, identity: string): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of decodeStream(storage.get(key, undefined, labSignal), [identity]))
    pieces.push(Uint8Array.from(piece))
  return Buffer.concat(pieces)
}

/** Puts other bytes of the same length in the place of an object. */
export async function damage(storage: Storage, key: string, at = 0.5): Promise<void> {
  const bytes = Buffer.from((await readWhole(storage, key, 2 ** 30, labSignal)) ?? [])
  const index = Math.min(bytes.length - 1, Math.floor(bytes.length * at))
  bytes[index] = (bytes[index] ?? 0) ^ 0x04
  await replace(storage, key, bytes)
}

export async function replace(storage: Storage, key: string, bytes: Uint8Array): Promise<void> {
  await storage.delete([key], labSignal)
  await storage.put(key, { sizeBytes: bytes.length, open: () => once(bytes) }, labSignal)
}

const encodingOf = ({ recipients }: Pick<CopySide, 'recipients'>) => ({ level: 1, recipients })

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
