/**
 * What can be said of a backup whose objects lie in a class that can not be read at once: that they are all there, in the
 * size that they have to have. Its manifests are read when they can be.
 */
import { backupFolder } from '../../repository/layout.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import { coldUnder, type ColdObject } from '../thaw/find-cold.ts'
import { emptyCheckReport } from '../workers/check/report.ts'
import { notRestorable, type CheckedBackup } from './check-backup.ts'
import type { Finding } from './report.ts'
import type { VerifyDeps } from './verify.ts'

/** Those that nobody has thawed. */
export async function coldObjectsOf(
  { repository }: Pick<VerifyDeps, 'repository'>,
  { id }: Pick<BackupRecord, 'id'>,
  signal: AbortSignal,
): Promise<readonly ColdObject[]> {
  const folder = `${backupFolder(repository.identity.cluster, id)}/`
  const cold = await coldUnder(repository.storage, folder, signal)
  return cold.filter(({ state }) => state.is !== 'readable')
}

export async function checkCold(
  { repository, progress }: Pick<VerifyDeps, 'repository' | 'progress'>,
  record: BackupRecord,
  signal: AbortSignal,
): Promise<CheckedBackup> {
  const folder = `${backupFolder(repository.identity.cluster, record.id)}/`
  const sizes = new Map<string, number>()
  for await (const { key, sizeBytes } of repository.storage.list(folder, signal)) sizes.set(key, sizeBytes)
  const findings: Finding[] = []
  for (const { name, sizeBytes } of [...record.packs, record.manifest, record.backupManifest]) {
    const found = sizes.get(folder + name)
    progress.advance(sizeBytes)
    if (found === sizeBytes) continue
    const message =
      found === undefined ? 'it is missing' : `it has ${String(found)} bytes instead of ${String(sizeBytes)}`
    findings.push(notRestorable(folder + name, record, message))
  }
  return { record, report: emptyCheckReport, findings, depth: 'sizes' }
}
