/** Backups that exist in a repository as objects of the right names and sizes, without a database. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseBackupRecord } from '../../src/repository/format/backup-json.ts'
import type { BackupRecord } from '../../src/repository/format/backup-record.ts'
import { backupFolder } from '../../src/repository/layout.ts'
import { bodyOf, type Storage } from '../../src/storage/storage.ts'

const vector = readFileSync(new URL('../vectors/records/backup.json', import.meta.url))
const signal = new AbortController().signal

/** The record of the vector with other fields; the objects it names are those that `putBackupObjects` makes. */
export function backupRecord(changes: Partial<BackupRecord> = {}): BackupRecord {
  const good = parseBackupRecord(vector, 'vector')
  const stored = (name: string) => ({
    name,
    sizeBytes: name.length,
    sha256: createHash('sha256').update(name).digest('hex'),
  })
  return {
    ...good,
    packs: ['data/00001.tar.zst.age', 'data/00002.tar.zst.age'].map(name => ({
      ...stored(name),
      files: 1,
      rawBytes: 1,
    })),
    manifest: stored('manifest.json.zst.age'),
    backupManifest: stored('backup_manifest.zst.age'),
    ...changes,
  }
}

/** Everything but the commit; each object holds its own name. */
export async function putBackupObjects(storage: Storage, record: BackupRecord): Promise<void> {
  const folder = backupFolder(record.cluster, record.id)
  for (const { name } of [...record.packs, record.manifest, record.backupManifest]) {
    await storage.put(`${folder}/${name}`, bodyOf(Buffer.from(name)), signal)
  }
}
