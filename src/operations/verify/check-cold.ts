/**
 * What can be said of a backup whose objects lie in a class that can not be read at once: that they are all there, in the
 * size that they have to have. Its manifests are read when they can be.
 */
import { backupFolder } from '../../repository/layout.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import type { Repository } from '../../repository/repository.ts'
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
  const objects = [...record.packs, record.manifest, record.backupManifest]
  const wrong = await wrongSizes(repository, folder, objects, signal)
  for (const { sizeBytes } of objects) progress.advance(sizeBytes)
  const findings = wrong.map(({ name, message }): Finding => notRestorable(folder + name, record, message))
  return { record, report: emptyCheckReport, findings, depth: 'sizes' }
}

/** Those that are not there in the size that they have to have. `folder` ends in `/`. */
export async function wrongSizes(
  { storage }: Pick<Repository, 'storage'>,
  folder: string,
  objects: readonly { readonly name: string; readonly sizeBytes: number }[],
  signal: AbortSignal,
): Promise<readonly { readonly name: string; readonly message: string }[]> {
  const sizes = new Map<string, number>()
  for await (const { key, sizeBytes } of storage.list(folder, signal)) sizes.set(key, sizeBytes)
  return objects.flatMap(({ name, sizeBytes }) => {
    const found = sizes.get(folder + name)
    if (found === sizeBytes) return []
    if (found === undefined) return [{ name, message: 'it is missing' }]
    return [{ name, message: `it has ${String(found)} bytes instead of ${String(sizeBytes)}` }]
  })
}
