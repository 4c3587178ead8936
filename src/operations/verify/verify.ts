/** Reads back what is stored and checks all of it: backups, and the WAL from their start on. */
import { checkCold, coldObjectsOf } from './check-cold.ts'
import { formatBytes } from '../../base/units.ts'
import { isFault, type Fault } from '../../base/fault.ts'
import type { Encoding } from '../../pipeline/codec.ts'
import { scanCatalog } from '../../repository/catalog.ts'
import { troublesOfIndex } from '../../repository/catalog-index.ts'
import { troublesOfDumpIndex } from '../../repository/dump-index.ts'
import type { IndexTroubles } from '../../repository/shelf-index.ts'
import { scanDumps } from '../../repository/dump-catalog.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import type { ManagedRecord } from '../../repository/format/managed-json.ts'
import type { DumpRecord } from '../../repository/format/dump-record.ts'
import {
  backupFolder,
  catalogFolder,
  dumpCatalogFolder,
  commitName,
  dumpCommitName,
  dumpFolder,
} from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import type { DamagedBackup } from '../../repository/stored-records.ts'
import type { WalStore } from '../../repository/wal-store.ts'
import type { StorageDescription } from '../../storage/open.ts'
import type { WorkerHost } from '../workers/crew.ts'
import { checkBackup, sealedToOthers, unreadable, type CheckedBackup } from './check-backup.ts'
import { checkDump, type CheckedDump } from './check-dumps.ts'
import { checkHashes } from './check-hashes.ts'
import { checkWal, segmentsOfBackup, type CheckedWal } from './check-wal.ts'
import type { OpenProvider } from '../snapshot/presence.ts'
import type { OpenManaged } from '../managed/presence.ts'
import { checkAllManaged, checkManaged, nothingManaged } from './check-managed.ts'
import { checkSnapshot } from './check-snapshot.ts'
import type { Finding, VerifiedBackup, VerifiedDump, VerifyReport } from './report.ts'

export interface VerifyDeps extends WorkerHost {
  readonly repository: Repository
  /** The same storage as the repository's, for the workers to open. */
  readonly storage: StorageDescription
  readonly encoding: Encoding
  readonly identities: readonly string[]
  readonly wal: Pick<WalStore, 'get' | 'head' | 'list'>
  readonly workers: number
  /** Opens what a snapshot was made by. */
  readonly openProvider: OpenProvider
  /** Opens the server of a managed server's snapshot. */
  readonly openManaged: OpenManaged
  /** It is an archive: of the WAL only what makes each backup consistent is meant to be there. */
  readonly isArchive?: boolean
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
  const inRepository = await checkAll(deps, chosen, signal)
  const { checked, notLookedAt } = await checkVolumes(
    deps,
    inRepository,
    { pages: only !== undefined },
    signal,
  )
  const wal = await checkWal(deps, chosen, { only }, signal)
  const dumps = only ? undefined : await checkDumps(deps, signal)
  const isElsewhere = only !== undefined || deps.isArchive === true
  const managed = isElsewhere ? nothingManaged : await checkAllManaged(repository, deps.openManaged, signal)
  const damaged = only ? [] : catalog.damaged.filter(one => !isCold(one))
  const findings: Finding[] = [
    ...(only ? [] : await checkIndex(deps, catalog.backups, signal)),
    ...damaged.map(({ id, fault }) =>
      unreadable(`${backupFolder(repository.identity.cluster, id)}/${commitName}`, id, fault),
    ),
    ...checked.flatMap(backup => backup.findings),
    ...wal.findings,
    ...(dumps?.findings ?? []),
    ...managed.findings,
  ]
  return {
    isGood: findings.length === 0,
    backups: checked.map(backup => verified(backup, wal)),
    dumps: dumps?.dumps ?? [],
    managed: managed.managed,
    wal: wal.wal,
    findings,
    notChecked: [
      ...notChecked(checked, wal),
      ...notLookedAt,
      ...dumpsNotChecked(dumps?.dumps ?? []),
      ...recordsNotRead([...(only ? [] : catalog.damaged), ...(dumps?.unread ?? [])].filter(isCold)),
      ...managed.notChecked,
    ],
    durationMs: world.clock.monotonicMs() - startedMs,
  }
}

/** One snapshot of a managed server. */
export async function verifyManaged(
  { world, openManaged }: Pick<VerifyDeps, 'world' | 'openManaged'>,
  record: ManagedRecord,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const startedMs = world.clock.monotonicMs()
  const checked = await checkManaged([record], openManaged, signal)
  return {
    isGood: checked.findings.length === 0,
    backups: [],
    dumps: [],
    wal: { segments: 0, headsOnly: 0, bytes: 0 },
    ...checked,
    durationMs: world.clock.monotonicMs() - startedMs,
  }
}

/** One dump, and nothing else. */
export async function verifyDump(
  deps: VerifyDeps,
  record: DumpRecord,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const startedMs = deps.world.clock.monotonicMs()
  const { dumps, findings } = await checkTheseDumps(deps, [record], signal)
  return {
    isGood: findings.length === 0,
    backups: [],
    dumps,
    managed: [],
    wal: { segments: 0, headsOnly: 0, bytes: 0 },
    findings,
    notChecked: dumpsNotChecked(dumps),
    durationMs: deps.world.clock.monotonicMs() - startedMs,
  }
}

interface CheckedDumps {
  readonly dumps: readonly VerifiedDump[]
  readonly findings: readonly Finding[]
  /** Whose records could not be read. */
  readonly unread?: readonly DamagedBackup[]
}

async function checkDumps(deps: VerifyDeps, signal: AbortSignal): Promise<CheckedDumps> {
  const { repository } = deps
  const catalog = await scanDumps(repository, signal)
  const checked = await checkTheseDumps(deps, catalog.dumps, signal)
  const damaged = catalog.damaged
    .filter(one => !isCold(one))
    .map(({ id, fault }) =>
      unreadable(`${dumpFolder(repository.identity.cluster, id)}/${dumpCommitName}`, id, fault),
    )
  const index = troublesOfIndexAt(
    deps,
    dumpCatalogFolder(repository.identity.cluster),
    await troublesOfDumpIndex(repository, catalog.dumps, signal),
  )
  return { ...checked, findings: [...damaged, ...checked.findings, ...index], unread: catalog.damaged }
}

/** Nobody can tell whether a record that was not read is right. */
const isCold = ({ fault }: DamagedBackup): boolean => fault.code === 'OBJECT_COLD'

function recordsNotRead(cold: readonly DamagedBackup[]): readonly string[] {
  return cold.map(
    ({ id }) =>
      `The record of ${id} lies in a cold storage class and was not read, nor was what it names: thaw it with a restore of it (--thaw), then run this again.`,
  )
}

async function checkTheseDumps(
  { repository, identities, progress }: VerifyDeps,
  records: readonly DumpRecord[],
  signal: AbortSignal,
): Promise<CheckedDumps> {
  if (records.length === 0) return { dumps: [], findings: [] }
  progress.phase(
    'reading dumps',
    records.reduce((sum, { sizes }) => sum + sizes.storedBytes, 0),
  )
  const checked: CheckedDump[] = []
  const advance = (bytes: number): void => {
    progress.advance(bytes)
  }
  for (const record of records)
    checked.push(await checkDump({ source: { repository, identities }, record }, advance, signal))
  return { dumps: checked.map(({ dump }) => dump), findings: checked.flatMap(({ findings }) => findings) }
}

function dumpsNotChecked(dumps: readonly VerifiedDump[]): readonly string[] {
  const all = String(dumps.length)
  const closed = dumps.filter(({ depth }) => depth === 'hashes').length
  const cold = dumps.filter(({ depth }) => depth === 'sizes').length
  return [
    ...(closed > 0
      ? [`There is no key here, so ${String(closed)} of ${all} dumps were compared with their SHA-256 only.`]
      : []),
    ...(cold > 0
      ? [
          `${String(cold)} of ${all} dumps lie in a cold storage class and were not read: of their objects only the sizes were compared.`,
        ]
      : []),
  ]
}

/** The index of the catalogue is a cache: what it misses is noted, and only damage is a finding. */
async function checkIndex(
  deps: VerifyDeps,
  backups: readonly BackupRecord[],
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { repository } = deps
  const troubles = await troublesOfIndex(repository, backups, signal)
  return troublesOfIndexAt(deps, catalogFolder(repository.identity.cluster), troubles)
}

function troublesOfIndexAt(
  { progress }: VerifyDeps,
  object: string,
  { fault, notes }: IndexTroubles,
): readonly Finding[] {
  for (const note of notes) progress.note(`the index ${object}: ${note}; one of the next backups mends it`)
  const cost = 'Nothing is lost: listing takes longer until the next backup or dump writes a new one.'
  return fault ? [{ object, message: fault.message, cost }] : []
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
      const isCold = (await coldObjectsOf(deps, record, signal)).length > 0
      const check = isCold ? checkCold : isClosed(deps, record) ? checkHashes : checkBackup
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

/** The files of snapshots are outside of the repository. */
async function checkVolumes(
  { openProvider, progress }: VerifyDeps,
  backups: readonly CheckedBackup[],
  how: { readonly pages: boolean },
  signal: AbortSignal,
): Promise<{ readonly checked: readonly CheckedBackup[]; readonly notLookedAt: readonly string[] }> {
  const checked: CheckedBackup[] = []
  const notLookedAt: string[] = []
  for (const backup of backups) {
    if (backup.record.snapshot) progress.phase(`looking at the volumes of ${backup.record.id}`)
    const { findings, pagesChecked, notChecked } = await checkSnapshot(
      backup.record,
      openProvider,
      how,
      signal,
    )
    const report = { ...backup.report, pagesChecked: backup.report.pagesChecked + pagesChecked }
    checked.push({ ...backup, report, findings: [...backup.findings, ...findings] })
    notLookedAt.push(...notChecked)
  }
  return { checked, notLookedAt }
}

/** Sealed, and there is no key here: a place that stores backups and does not restore them has none. */
const isClosed = ({ identities }: VerifyDeps, { recipients }: BackupRecord): boolean =>
  identities.length === 0 && recipients.length > 0

function notChecked(
  checked: readonly CheckedBackup[],
  { wal, cold: coldWal }: CheckedWal,
): readonly string[] {
  const cold = checked.filter(({ depth }) => depth === 'sizes')
  const coldBytes = cold.reduce((sum, { record }) => sum + record.sizes.storedBytes, 0)
  const closed = checked.filter(({ depth }) => depth === 'hashes').length
  return [
    ...(cold.length > 0
      ? [
          `${String(cold.length)} of ${String(checked.length)} backups (${formatBytes(coldBytes)}) lie in a cold storage class and were not read: of their objects only the sizes were compared. \`holdfast restore --backup ID --plan\` says how long it takes to thaw one, and what it costs.`,
        ]
      : []),
    ...(coldWal > 0
      ? [`${String(coldWal)} WAL files lie in a cold storage class and were not read: they are there.`]
      : []),
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
