/**
 * What can be said of a sealed backup without a key: whether each object is, byte by byte, what was stored. That finds
 * every damage to what was written; it does not look inside.
 */
import { createHash } from 'node:crypto'
import { isFault } from '../../base/fault.ts'
import type { BackupRecord, StoredObjectRecord } from '../../repository/format/backup-record.ts'
import { backupFolder } from '../../repository/layout.ts'
import { emptyCheckReport } from '../workers/check/report.ts'
import { notRestorable, type CheckedBackup } from './check-backup.ts'
import type { Finding } from './report.ts'
import type { VerifyDeps } from './verify.ts'

export async function checkHashes(
  deps: VerifyDeps,
  record: BackupRecord,
  signal: AbortSignal,
): Promise<CheckedBackup> {
  const folder = backupFolder(deps.repository.identity.cluster, record.id)
  const left = [record.manifest, record.backupManifest, ...record.packs]
  const findings: Finding[] = []
  let bytes = 0
  const checkNext = async (): Promise<void> => {
    for (let object = left.shift(); object; object = left.shift()) {
      const key = `${folder}/${object.name}`
      const damage = await damageOf(deps, key, object, signal)
      if (damage !== undefined) findings.push(notRestorable(key, record, damage))
      bytes += object.sizeBytes
    }
  }
  await Promise.all(Array.from({ length: readsAtOnce }, checkNext))
  const report = { ...emptyCheckReport, packs: record.packs.length, bytes }
  return { record, report, findings, depth: 'hashes' }
}

/** Hashing is as fast as most storages are; more at a time only need more memory. */
const readsAtOnce = 2

async function damageOf(
  { repository: { storage }, progress }: VerifyDeps,
  key: string,
  { sizeBytes, sha256 }: StoredObjectRecord,
  signal: AbortSignal,
): Promise<string | undefined> {
  const digest = createHash('sha256')
  let length = 0
  try {
    for await (const piece of storage.get(key, undefined, signal)) {
      digest.update(piece)
      length += piece.length
      progress.advance(piece.length)
    }
  } catch (error) {
    if (isFault(error, 'OBJECT_MISSING', 'OBJECT_CORRUPT')) return error.message
    throw error
  }
  if (length !== sizeBytes) return `it has ${String(length)} bytes instead of ${String(sizeBytes)}`
  const found = digest.digest('hex')
  return found === sha256 ? undefined : `its SHA-256 is ${found} instead of ${sha256}`
}
