/**
 * How test/vectors/repository was made. It is never made anew: what was written once in a format has to be readable
 * for ever. For a new format number, write another one beside it.
 *
 *     scripts/node test/vectors/make-repository.ts FOLDER
 */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { simWorld } from '../../src/base/world.ts'
import { generateIdentity } from '../../src/pipeline/age.ts'
import { suffixOf, type Encoding } from '../../src/pipeline/codec.ts'
import { crc32c } from '../../src/pipeline/crc32c.ts'
import { createBackupManifest } from '../../src/postgres/backup-manifest.ts'
import { commitBackup } from '../../src/repository/catalog.ts'
import { parseBackupRecord } from '../../src/repository/format/backup-json.ts'
import type { PackRecord } from '../../src/repository/format/backup-record.ts'
import { encodeManifestFile } from '../../src/repository/format/manifest-lines.ts'
import type { ManifestFile } from '../../src/repository/format/manifest.ts'
import type { WalHead } from '../../src/repository/format/wal-head.ts'
import { backupFolder, backupManifestName, manifestName } from '../../src/repository/layout.ts'
import { EntryLogWriter } from '../../src/repository/packs/entry-log.ts'
import { writeManifest } from '../../src/repository/packs/manifest-writer.ts'
import { packName } from '../../src/repository/packs/pack-name.ts'
import { createPackPress } from '../../src/repository/packs/pack-press.ts'
import { openPackWriter } from '../../src/repository/packs/pack-writer.ts'
import { initRepository, openRepository, type Repository } from '../../src/repository/repository.ts'
import { storeStream } from '../../src/repository/stored-stream.ts'
import { openWalStore } from '../../src/repository/wal-store.ts'
import { openFsStorage } from '../../src/storage/drivers/fs.ts'
import { parseLsn } from '../../src/wal/lsn.ts'
import { vectorBytes, vectorFiles, vectorSystemIdentifier, vectorWal, vectorWalSizeBytes } from '../support/vector-files.ts'

const signal = new AbortController().signal
const folder = process.argv[2] ?? ''
const world = simWorld({ startMs: Date.UTC(2026, 2, 1, 2) })
const { identity, recipient } = await generateIdentity()
const storage = await openFsStorage(`${folder}/repository`, { makeRoot: true })
writeFileSync(`${folder}/repository-identity.txt`, `${identity}\n`)

const template = parseBackupRecord(readFileSync(new URL('records/backup.json', import.meta.url)), 'template')
const modifiedMs = Date.UTC(2026, 1, 28)

for (const [cluster, recipients] of [['plain', []], ['sealed', [recipient]]] as const) {
  const encoding: Encoding = { level: 3, recipients }
  const shape = { cluster, systemIdentifier: vectorSystemIdentifier, postgresMajor: 15, walSegmentSizeBytes: 1 << 20 }
  await initRepository(storage, shape, world, signal)
  const repository = await openRepository(storage, cluster, signal)
  await putWal(repository, encoding)
  await putBackup(repository, encoding)
}

async function putWal(repository: Repository, encoding: Encoding): Promise<void> {
  const store = openWalStore(repository, { encoding, identities: [] })
  for (const name of vectorWal) {
    const bytes = vectorBytes(name, vectorWalSizeBytes(name))
    const own: Partial<WalHead> = name.endsWith('.history')
      ? { ancestors: [{ timeline: 1, endLsn: '0/30000A8' }] }
      : { systemIdentifier: vectorSystemIdentifier }
    const commits = { count: 2, earliest: '2026-03-01T02:00:00.000001Z', latest: '2026-03-01T02:00:59.5Z' }
    const head = (): WalHead => ({
      name,
      sizeBytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      ...own,
      ...(name === vectorWal[1] ? { commits } : {}),
    })
    const open = async function* (): AsyncGenerator<Uint8Array> {
      yield bytes
    }
    await store.put({ name, open, head }, signal)
  }
}

async function putBackup(repository: Repository, encoding: Encoding): Promise<void> {
  const id = '20260301T020000Z-full'
  const prefix = `${backupFolder(repository.identity.cluster, id)}/`
  const place = (name: string) => ({ storage, key: prefix + name, encoding })
  const { pack, files } = await putPack(encoding, prefix)
  const log = new EntryLogWriter()
  for (const file of files) log.add(encodeManifestFile(file))
  const directories = ['base', 'base/5', 'global', 'pg_wal'].map(path => ({ path, mode: 0o700 }))
  const [manifestKey, postgresKey] = [manifestName(suffixOf(encoding)), backupManifestName(suffixOf(encoding))]
  const manifest = await writeManifest(place(manifestKey), { backup: id, directories }, [log.take()], signal)
  const text = createBackupManifest({ major: 15, systemIdentifier: vectorSystemIdentifier })
  const range = { timeline: 1, startLsn: parseLsn('0/100028') ?? 0n, endLsn: parseLsn('0/2000A8') ?? 0n }
  const lines = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from(text.head() + files.map(file => text.file(file)).join('') + text.tail([range]))
  }
  const backupManifest = await storeStream(place(postgresKey), lines(), signal)
  const record = {
    ...template,
    id,
    cluster: repository.identity.cluster,
    startLsn: '0/100028',
    stopLsn: '0/2000A8',
    startWal: vectorWal[0],
    stopWal: vectorWal[1],
    postgres: { ...template.postgres, walSegmentSizeBytes: 1 << 20 },
    sizes: { files: files.length, rawBytes: pack.rawBytes, storedBytes: pack.sizeBytes + manifest.sizeBytes + backupManifest.sizeBytes },
    packs: [pack],
    manifest: { name: manifestKey, ...manifest },
    backupManifest: { name: postgresKey, ...backupManifest },
    recipients: encoding.recipients,
  }
  await commitBackup(repository, record, signal)
}

async function putPack(encoding: Encoding, prefix: string): Promise<{ pack: PackRecord; files: ManifestFile[] }> {
  const name = packName(1, encoding)
  const press = createPackPress(encoding)
  const object = await storage.create(prefix + name, signal)
  const writer = await openPackWriter(press, object)
  const owner = { userId: 101, groupId: 103 }
  const files: ManifestFile[] = []
  for (const path of ['base', 'base/5', 'global', 'pg_wal']) {
    await writer.beginEntry({ kind: 'directory', path, sizeBytes: 0, modifiedMs, mode: 0o700, ...owner })
    await writer.endEntry()
  }
  for (const { path, sizeBytes } of vectorFiles) {
    const bytes = vectorBytes(path, sizeBytes)
    const offsetBytes = await writer.beginEntry({ kind: 'file', path, sizeBytes, modifiedMs, mode: 0o600, ...owner })
    for (let at = 0; at < sizeBytes;) {
      const room = writer.room()
      room.set(bytes.subarray(at, at + room.length))
      at += room.length
      await writer.advance(room.length)
    }
    await writer.endEntry()
    files.push({ path, sizeBytes, modifiedMs, mode: 0o600, crc32c: crc32c(bytes, 0), pack: 1, offsetBytes })
  }
  const summary = await writer.finish()
  await object.commit()
  press.close()
  return { pack: { name, ...summary, files: files.length }, files }
}
