/** A repository that was written once, in format 1: this version and every later one reads it, and finds each damage. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { isFault, type FaultCode } from '../src/base/fault.ts'
import { simWorld } from '../src/base/world.ts'
import { crc32c } from '../src/pipeline/crc32c.ts'
import { scanCatalog } from '../src/repository/catalog.ts'
import type { ManifestFile } from '../src/repository/format/manifest.ts'
import { openManifest } from '../src/repository/packs/manifest-reader.ts'
import { createPackTools, inPack, openPack } from '../src/repository/packs/pack-reader.ts'
import { openRepository, type Repository } from '../src/repository/repository.ts'
import { openWalStore, type WalStore } from '../src/repository/wal-store.ts'
import { openFsStorage } from '../src/storage/drivers/fs.ts'
import { openMemoryStorage } from '../src/storage/drivers/memory.ts'
import { bodyOf, type Storage } from '../src/storage/storage.ts'
import {
  vectorBytes,
  vectorFiles,
  vectorSystemIdentifier,
  vectorWal,
  vectorWalSizeBytes,
} from './support/vector-files.ts'

const signal = new AbortController().signal
const folder = fileURLToPath(new URL('vectors/repository', import.meta.url))
const identityPath = fileURLToPath(new URL('vectors/repository-identity.txt', import.meta.url))
const identities = readFileSync(identityPath, 'utf8')
  .split('\n')
  .filter(line => line.startsWith('AGE-SECRET-KEY-'))
const shared = await openFsStorage(folder)

const newFrame = (): Uint8Array => new Uint8Array(1 << 20)
const tools = createPackTools([newFrame(), newFrame(), newFrame(), newFrame()])
afterAll(() => {
  tools.close()
})

const storeOf = (repository: Repository): WalStore =>
  openWalStore(repository, { encoding: { level: 3, recipients: [] }, identities })

async function backupOf(repository: Repository) {
  const { backups } = await scanCatalog(repository, signal)
  const [backup] = backups
  if (!backup) throw new Error('the vector has a backup')
  return { backup, prefix: `${repository.identity.cluster}/backups/${backup.id}/` }
}

/** Reads everything: throws at the first damage. */
async function readAll(repository: Repository): Promise<Map<string, Buffer>> {
  const { storage } = repository
  const { backup, prefix } = await backupOf(repository)
  const manifest = await openManifest({ storage, key: prefix + backup.manifest.name, identities }, signal)
  const files: ManifestFile[] = []
  for await (const group of manifest.files) files.push(...group)
  const contents = new Map<string, Buffer>()
  for (const pack of backup.packs) {
    const reader = await openPack(
      { storage, key: prefix + pack.name, sizeBytes: pack.sizeBytes, identities },
      tools,
      signal,
    )
    const frames: Buffer[] = []
    for await (const { bytes, damage } of reader.frames(0, reader.index.count - 1, signal)) {
      if (!bytes) throw inPack(pack.name, damage)
      frames.push(Buffer.from(bytes))
    }
    const raw = Buffer.concat(frames)
    for (const { path, offsetBytes, sizeBytes, crc32c: expected } of files) {
      const content = raw.subarray(offsetBytes, offsetBytes + sizeBytes)
      expect(crc32c(content, 0), path).toBe(expected)
      contents.set(path, content)
    }
  }
  for (const name of vectorWal)
    contents.set(name, Buffer.from((await storeOf(repository).get(name, signal)) ?? []))
  return contents
}

describe.each(['plain', 'sealed'])('the repository of format 1, cluster "%s"', cluster => {
  test('gives back every file and all WAL', async () => {
    const contents = await readAll(await openRepository(shared, cluster, signal))
    for (const { path, sizeBytes } of vectorFiles)
      expect(contents.get(path)?.equals(vectorBytes(path, sizeBytes)), path).toBe(true)
    for (const name of vectorWal)
      expect(contents.get(name)?.equals(vectorBytes(name, vectorWalSizeBytes(name))), name).toBe(true)
  })

  test('tells the heads of its WAL without a key', async () => {
    const repository = await openRepository(shared, cluster, signal)
    const store = openWalStore(repository, { encoding: { level: 3, recipients: [] }, identities: [] })
    expect(await store.head('000000010000000000000002', signal)).toMatchObject({
      systemIdentifier: vectorSystemIdentifier,
      sizeBytes: 1 << 20,
      commits: { count: 2, earliest: '2026-03-01T02:00:00.000001Z', latest: '2026-03-01T02:00:59.5Z' },
    })
    expect(await store.head('00000002.history', signal)).toMatchObject({
      ancestors: [{ timeline: 1, endLsn: '0/30000A8' }],
    })
    expect((await Array.fromAsync(store.list(undefined, signal))).map(({ name }) => name).sort()).toEqual([
      ...vectorWal,
    ])
  })

  test('has objects of the sizes and hashes that backup.json says', async () => {
    const { backup, prefix } = await backupOf(await openRepository(shared, cluster, signal))
    for (const { name, sizeBytes, sha256 } of [...backup.packs, backup.manifest, backup.backupManifest]) {
      const bytes = Buffer.concat(await Array.fromAsync(shared.get(prefix + name, undefined, signal)))
      expect([bytes.length, createHash('sha256').update(bytes).digest('hex')]).toEqual([sizeBytes, sha256])
    }
  })

  test('is unpacked by age, zstd and tar', context => {
    if (!hasAge()) context.skip('the age program is not installed')
    const target = mkdtempSync(join(tmpdir(), 'holdfast-vector-'))
    try {
      const pack = cluster === 'sealed' ? 'data/00001.tar.zst.age' : 'data/00001.tar.zst'
      const path = join(folder, cluster, 'backups/20260301T020000Z-full', pack)
      const open = cluster === 'sealed' ? `age -d -i '${identityPath}' '${path}'` : `cat '${path}'`
      execFileSync('sh', ['-c', `${open} | zstd -dc | tar --no-same-owner -xf -`], { cwd: target })
      for (const { path: file, sizeBytes } of vectorFiles) {
        expect(readFileSync(join(target, file)).equals(vectorBytes(file, sizeBytes)), file).toBe(true)
      }
    } finally {
      rmSync(target, { recursive: true })
    }
  })

  test.each(damages())('is refused with $why', async damage => {
    const storage = await copyOf(cluster)
    const suffix = cluster === 'sealed' ? '.zst.age' : '.zst'
    const key = `${cluster}/${damage.object}${suffix}`
    const source = `${cluster}/${damage.from ?? damage.object}${suffix}`
    const good = Buffer.concat(await Array.fromAsync(storage.get(source, undefined, signal)))
    await storage.delete([key], signal)
    await storage.put(key, bodyOf(damaged(good, damage)), signal)
    const error: unknown = await readAll(await openRepository(storage, cluster, signal)).catch(
      (thrown: unknown) => thrown,
    )
    // A changed header of an encrypted object may also leave nothing that a key fits.
    const codes: FaultCode[] = cluster === 'sealed' ? [damage.code, 'KEY_WRONG'] : [damage.code]
    expect(error).toSatisfy(thrown => isFault(thrown, ...codes))
    expect(String(error)).toContain(damage.object.split('/').at(-1))
  })
})

interface Damage {
  readonly why: string
  /** Without its suffix. */
  readonly object: string
  readonly code: FaultCode
  /** Keep so many bytes; or all but so many, when negative. */
  readonly cut?: number
  /** Flip a bit of this byte; counted from the end, when negative. */
  readonly flip?: number
  /** Hexadecimal. */
  readonly append?: string
  /** The bytes of this object instead. */
  readonly from?: string
}

function damages(): readonly Damage[] {
  return JSON.parse(
    readFileSync(new URL('vectors/damaged-objects.json', import.meta.url), 'utf8'),
  ) as readonly Damage[]
}

function damaged(good: Buffer, { cut, flip, append }: Damage): Buffer {
  const bytes = Buffer.concat([good.subarray(0, cut ?? good.length), Buffer.from(append ?? '', 'hex')])
  if (flip === undefined) return bytes
  const at = flip < 0 ? bytes.length + flip : flip
  bytes[at] = (bytes[at] ?? 0) ^ 4
  return bytes
}

async function copyOf(cluster: string): Promise<Storage> {
  const copy = openMemoryStorage(simWorld().clock)
  for await (const { key } of shared.list('', signal)) {
    if (key.includes('/') && !key.startsWith(`${cluster}/`)) continue
    await copy.put(
      key,
      bodyOf(Buffer.concat(await Array.fromAsync(shared.get(key, undefined, signal)))),
      signal,
    )
  }
  return copy
}

function hasAge(): boolean {
  try {
    execFileSync('age', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
