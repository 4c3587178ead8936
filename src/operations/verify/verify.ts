/** Reads back what is stored and checks all of it: backups, and the WAL from their start on. */
import { isFault, type Fault } from '../../base/fault.ts'
import type { Encoding } from '../../pipeline/codec.ts'
import { scanCatalog } from '../../repository/catalog.ts'
import { troublesOfIndex } from '../../repository/catalog-index.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import { backupFolder, catalogFolder, commitName } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import type { WalStore } from '../../repository/wal-store.ts'
import type { StorageDescription } from '../../storage/open.ts'
import type { WorkerHost } from '../workers/crew.ts'
import { checkBackup, sealedToOthers, unreadable, type CheckedBackup } from './check-backup.ts'
import { checkHashes } from './check-hashes.ts'
import { checkWal, segmentsOfBackup, type CheckedWal } from './check-wal.ts'
import type { Finding, VerifiedBackup, VerifyReport } from './report.ts'

export interface VerifyDeps extends WorkerHost {
  readonly repository: Repository
  /** The same storage as the repository's, for the workers to open. */
  readonly storage: StorageDescription
  readonly encoding: Encoding
  readonly identities: readonly string[]
  readonly wal: Pick<WalStore, 'get' | 'head' | 'list'>
  readonly workers: number
}

/** `only`: this backup, and the WAL that it needs to become consistent. */
export async function verify(
  deps: VerifyDeps,
  only: BackupRecord | undefined,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const { repository, world, progress } = deps
  const startedMs = world.clock.monotonicMs()
  const catalog = await scanCatalog(repository, signal)
  const chosen = only ? [only] : catalog.backups
  progress.phase(
    'reading backups',
    chosen.reduce((sum, { sizes }) => sum + sizes.storedBytes, 0),
  )
  const checked = await checkAll(deps, chosen, signal)
  const wal = await checkWal(deps, chosen, { only }, signal)
  const damaged = only ? [] : catalog.damaged
  const findings: Finding[] = [
    ...(only ? [] : await checkIndex(deps, catalog.backups, signal)),
    ...damaged.map(({ id, fault }) =>
      unreadable(`${backupFolder(repository.identity.cluster, id)}/${commitName}`, id, fault),
    ),
    ...checked.flatMap(backup => backup.findings),
    ...wal.findings,
  ]
  return {
    isGood: findings.length === 0,
    backups: checked.map(backup => verified(backup, wal)),
    wal: wal.wal,
    findings,
    notChecked: notChecked(checked, wal),
    durationMs: world.clock.monotonicMs() - startedMs,
  }
}

/** The index of the catalogue is a cache: what it misses is noted, and only damage is a finding. */
async function checkIndex(
  { repository, progress }: VerifyDeps,
  backups: readonly BackupRecord[],
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { fault, notes } = await troublesOfIndex(repository, backups, signal)
  for (const note of notes)
    progress.note(`the index of the catalogue: ${note}; one of the next backups mends it`)
  const cost = 'Nothing is lost: listing takes longer until the next backup writes a new one.'
  return fault ? [{ object: catalogFolder(repository.identity.cluster), message: fault.message, cost }] : []
}

/** A backup that needs another key does not keep the others from being checked; when all of them do, the key is wrong. */
async function checkAll(
  deps: VerifyDeps,
  records: readonly BackupRecord[],
  signal: AbortSignal,
): Promise<readonly CheckedBackup[]> {
  const checked: CheckedBackup[] = []
  const wrongKeys: Fault[] = []
  for (const record of records) {
    try {
      const check = isClosed(deps, record) ? checkHashes : checkBackup
      checked.push(await check(deps, record, signal))
    } catch (error) {
      if (!isFault(error, 'KEY_WRONG')) throw error
      wrongKeys.push(error)
      checked.push(sealedToOthers(deps.repository, record))
    }
  }
  const [wrongKey] = wrongKeys
  if (wrongKey && wrongKeys.length === records.length) throw wrongKey
  return checked
}

/** Sealed, and there is no key here: a place that stores backups and does not restore them has none. */
const isClosed = ({ identities }: VerifyDeps, { recipients }: BackupRecord): boolean =>
  identities.length === 0 && recipients.length > 0

function notChecked(checked: readonly CheckedBackup[], { wal }: CheckedWal): readonly string[] {
  const closed = checked.filter(({ depth }) => depth === 'hashes').length
  return [
    ...(closed > 0
      ? [
          `There is no key here, so ${String(closed)} of ${String(checked.length)} backups were compared with their SHA-256 only: what is inside (seals, frames, files, pages) was not looked at.`,
        ]
      : []),
    ...(wal.headsOnly > 0
      ? [
          `There is no key here, so only the heads of ${String(wal.headsOnly)} WAL files were checked: damage behind them would not be found.`,
        ]
      : []),
  ]
}

function verified(
  { record, report, findings, depth }: CheckedBackup,
  { broken }: CheckedWal,
): VerifiedBackup {
  const wal = segmentsOfBackup(record, record.postgres.walSegmentSizeBytes)
  return {
    id: record.id,
    depth,
    isRestorable: findings.length === 0 && !wal.some(name => broken.has(name)),
    packs: report.packs,
    files: report.files,
    bytes: report.bytes,
    pagesChecked: report.pagesChecked,
    pagesCorrupt: record.checks.pagesCorrupt,
  }
}
