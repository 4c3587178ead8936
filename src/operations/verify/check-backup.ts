/** Reads back one backup: both manifests, every pack, every file in it. */
import { createHash } from 'node:crypto'
import { isFault, type Fault } from '../../base/fault.ts'
import { decodeStream } from '../../pipeline/codec.ts'
import type { BackupRecord, StoredObjectRecord } from '../../repository/format/backup-record.ts'
import { backupFolder } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import { hasStoredHash } from '../../repository/stored-hash.ts'
import { openManifest } from '../../repository/packs/manifest-reader.ts'
import { parseLsn } from '../../wal/lsn.ts'
import { checkPacks } from '../workers/check/check-packs.ts'
import { emptyCheckReport, type CheckReport } from '../workers/check/report.ts'
import type { Finding, VerifiedBackup } from './report.ts'
import type { VerifyDeps } from './verify.ts'

export interface CheckedBackup {
  readonly record: BackupRecord
  readonly report: CheckReport
  readonly findings: readonly Finding[]
  readonly depth: VerifiedBackup['depth']
}

export async function checkBackup(
  deps: VerifyDeps,
  record: BackupRecord,
  signal: AbortSignal,
): Promise<CheckedBackup> {
  const folder = backupFolder(deps.repository.identity.cluster, record.id)
  const findings: Finding[] = []
  for (const object of [record.manifest, record.backupManifest]) {
    const damage = await damageOf(deps, `${folder}/${object.name}`, object, signal)
    if (damage !== undefined) findings.push(notRestorable(`${folder}/${object.name}`, record, damage))
  }
  const isManifestDamaged = findings.some(({ object }) => object === `${folder}/${record.manifest.name}`)
  const report = isManifestDamaged
    ? emptyCheckReport
    : await checkFiles(deps, record, `${folder}/`, findings, signal)
  for (const { object, path, message } of report.damage) {
    const finding = notRestorable(`${folder}/${object}`, record, message)
    findings.push(path === undefined ? finding : { ...finding, path })
  }
  return { record, report, findings, depth: 'content' }
}

/** Without a whole manifest the packs can not be compared with it; that is found, and told, already. */
async function checkFiles(
  { repository, storage, identities, workers, ...host }: VerifyDeps,
  record: BackupRecord,
  keyPrefix: string,
  findings: Finding[],
  signal: AbortSignal,
): Promise<CheckReport> {
  const key = `${keyPrefix}${record.manifest.name}`
  try {
    const { files } = await openManifest({ storage: repository.storage, key, identities }, signal)
    const request = {
      storage,
      keyPrefix,
      identities,
      packs: record.packs,
      files,
      pages: pageRules(record),
      workers,
    }
    return await checkPacks(host, request, signal)
  } catch (error) {
    if (!isFault(error, 'OBJECT_CORRUPT', 'OBJECT_MISSING')) throw error
    if (findings.length === 0) findings.push(notRestorable(key, record, error.message))
    return emptyCheckReport
  }
}

function pageRules({
  postgres,
  startLsn,
}: BackupRecord): { blockSizeBytes: number; segmentBlocks: number; startLsn: bigint } | undefined {
  if (!postgres.dataChecksums) return undefined
  return {
    blockSizeBytes: postgres.blockSizeBytes,
    segmentBlocks: postgres.relationSegmentBlocks,
    startLsn: parseLsn(startLsn) ?? 0n,
  }
}

/** What is wrong with an object that is one stream; undefined when nothing is. */
async function damageOf(
  { repository, identities }: VerifyDeps,
  key: string,
  { sizeBytes, sha256 }: StoredObjectRecord,
  signal: AbortSignal,
): Promise<string | undefined> {
  const digest = createHash('sha256')
  let length = 0
  const hashed = async function* (): AsyncIterable<Uint8Array> {
    for await (const piece of repository.storage.get(key, undefined, signal)) {
      digest.update(piece)
      length += piece.length
      yield piece
    }
  }
  try {
    await drain(decodeStream(hashed(), identities))
  } catch (error) {
    if (isFault(error, 'OBJECT_CORRUPT', 'OBJECT_MISSING')) return error.message
    // With a damaged header no key fits; with a good one that is for the person to mend.
    if (isFault(error, 'KEY_WRONG') && !(await hasStoredHash(repository.storage, key, sha256, signal)))
      return 'its header is damaged'
    throw error
  }
  if (length !== sizeBytes) return `it has ${String(length)} bytes instead of ${String(sizeBytes)}`
  return digest.digest('hex') === sha256 ? undefined : 'its hash is wrong'
}

async function drain(stream: AsyncIterable<Uint8Array>): Promise<void> {
  const pieces = stream[Symbol.asyncIterator]()
  while ((await pieces.next()).done !== true);
}

export function notRestorable(object: string, { id }: BackupRecord, message: string): Finding {
  return { object, backup: id, message, cost: `backup ${id} is not restorable` }
}

/** A backup that none of the identities configured opens. */
export function sealedToOthers({ identity }: Repository, record: BackupRecord): CheckedBackup {
  const finding = {
    object: backupFolder(identity.cluster, record.id),
    backup: record.id,
    message: `none of the identities configured opens it; it is encrypted to ${record.recipients.join(', ')}`,
    cost: `backup ${record.id} was not checked, and can not be restored without its key`,
  }
  return { record, report: emptyCheckReport, findings: [finding], depth: 'content' }
}

/** A backup whose record can not be read. */
export function unreadable(object: string, id: string, fault: Fault): Finding {
  return { object, backup: id, message: fault.message, cost: `backup ${id} is not restorable` }
}
