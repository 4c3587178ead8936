/**
 * Reads back the WAL: from the start of the oldest backup on, every segment that should be there, whether it is, and
 * whether its records can be trusted. A segment that is damaged costs as much as one that is missing.
 */
import { isFault } from '../../base/fault.ts'
import { checkSegmentHeader } from '../../postgres/wal-records/segment-header.ts'
import type { Archive, TimelineWal } from '../../policy/archive.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import type { WalHead } from '../../repository/format/wal-head.ts'
import { suffixOf } from '../../pipeline/codec.ts'
import { walKey } from '../../repository/layout.ts'
import { formatLsn } from '../../wal/lsn.ts'
import { historyName, parseSegmentName, segmentName, segmentStartLsn } from '../../wal/segment.ts'
import { readArchive } from '../wal-archive.ts'
import { unlessSealed } from '../wal-lookup.ts'
import type { Finding, VerifiedWal } from './report.ts'
import type { VerifyDeps } from './verify.ts'

export interface CheckedWal {
  readonly wal: VerifiedWal
  readonly findings: readonly Finding[]
  /** Names of segments that are missing or damaged. */
  readonly broken: ReadonlySet<string>
  /** So many lie in a cold storage class, and were not read. */
  readonly cold: number
}

export interface WalScope {
  /** Only the segments between these, when a single backup is verified. */
  readonly only: BackupRecord | undefined
}

/**
 * What costs the file, and nothing else. A key that fits the backups and not this file is that, too: its header is damaged,
 * or it was sealed to somebody else, and either way it can not be replayed.
 */
const damageCodes = ['OBJECT_CORRUPT', 'OBJECT_MISSING', 'WAL_INVALID', 'KEY_WRONG'] as const

/** Segments that are read at once. */
const readsAtOnce = 2

export async function checkWal(
  deps: VerifyDeps,
  backups: readonly BackupRecord[],
  { only }: WalScope,
  signal: AbortSignal,
): Promise<CheckedWal> {
  const sizeBytes = deps.repository.identity.walSegmentSizeBytes
  // A damaged history is told below; the segments can be read without it, and without one that is cold.
  const archive = await readArchive(deps.wal, sizeBytes, signal, {
    passOver: [...damageCodes, 'OBJECT_COLD'],
  })
  const consistent = only ? [only] : deps.isArchive === true ? backups : undefined
  const expected = consistent
    ? [...new Set(consistent.flatMap(backup => segmentsOfBackup(backup, sizeBytes)))]
    : expectedSegments(archive, backups)
  deps.progress.phase('reading WAL', expected.length * sizeBytes)
  const broken = new Map<string, string>()
  let [segments, headsOnly, cold] = [0, 0, 0]
  for (let at = 0; at < expected.length; at += readsAtOnce) {
    const names = expected.slice(at, at + readsAtOnce)
    const checked = await Promise.all(names.map(name => checkSegment(deps, name, signal)))
    checked.forEach(({ damage, isHeadOnly, isCold }, i) => {
      if (isCold === true) cold++
      else if (damage === undefined) segments++
      else broken.set(names[i] ?? '', damage)
      if (isHeadOnly) headsOnly++
    })
    deps.progress.advance(names.length * sizeBytes)
  }
  const histories = await checkHistories(deps, archive, backups, signal)
  const findings = [
    ...(await Promise.all(
      [...broken].map(([name, message]) => brokenWindow(deps, archive, backups, name, message, signal)),
    )),
    ...histories.findings,
  ]
  return {
    wal: { segments, headsOnly, bytes: segments * sizeBytes },
    findings,
    broken: new Set(broken.keys()),
    cold: cold + histories.cold,
  }
}

/** The segments that make a backup consistent. */
export function segmentsOfBackup({ startWal, stopWal }: BackupRecord, segmentSizeBytes: number): string[] {
  const { timeline, number: first } = parseSegmentName(startWal, segmentSizeBytes)
  const { number: last } = parseSegmentName(stopWal, segmentSizeBytes)
  return namesBetween(timeline, first, last, segmentSizeBytes)
}

/**
 * Of each timeline: from the oldest backup on it (else from where it begins) to the last segment that is there, and to the
 * end that the next timeline says it has.
 */
function expectedSegments(archive: Archive, backups: readonly BackupRecord[]): string[] {
  return [...archive.timelines.values()].flatMap(wal => {
    const first = firstNeeded(wal, archive, backups)
    const last = lastNeeded(wal, archive, backups)
    return first === undefined || last === undefined
      ? []
      : namesBetween(wal.timeline, first, last, archive.segmentSizeBytes)
  })
}

function firstNeeded(
  { timeline, runs, history }: TimelineWal,
  { segmentSizeBytes }: Archive,
  backups: readonly BackupRecord[],
): bigint | undefined {
  const starts = backups
    .filter(backup => backup.timeline === timeline)
    .map(({ startWal }) => parseSegmentName(startWal, segmentSizeBytes).number)
  // A timeline that continues one with backups is needed from its first segment on.
  const branch = history?.at(-1)?.endLsn
  const isContinued =
    history?.some(({ timeline: parent }) => backups.some(backup => backup.timeline === parent)) ?? false
  if (branch !== undefined && isContinued) return branch / BigInt(segmentSizeBytes)
  if (starts.length > 0) return smallest(starts)
  return backups.length === 0 ? runs[0]?.first : undefined
}

function lastNeeded(
  { timeline, runs }: TimelineWal,
  { timelines, segmentSizeBytes }: Archive,
  backups: readonly BackupRecord[],
): bigint | undefined {
  const present = runs.at(-1)?.last
  const stops = backups
    .filter(backup => backup.timeline === timeline)
    .map(({ stopWal }) => parseSegmentName(stopWal, segmentSizeBytes).number)
  // The segment in which the next timeline begins is stored under that timeline's name.
  const ends = [...timelines.values()]
    .flatMap(({ history }) => history ?? [])
    .filter(change => change.timeline === timeline)
    .map(({ endLsn }) => endLsn / BigInt(segmentSizeBytes) - 1n)
  const all = [...(present === undefined ? [] : [present]), ...stops, ...ends]
  return all.length === 0 ? undefined : all.reduce((a, b) => (a > b ? a : b))
}

interface CheckedSegment {
  readonly damage: string | undefined
  readonly isHeadOnly: boolean
  readonly isCold?: boolean
}

async function checkSegment(
  { wal, repository }: VerifyDeps,
  name: string,
  signal: AbortSignal,
): Promise<CheckedSegment> {
  const opened = await unlessDamaged(async () => {
    const bytes = await unlessSealed(() => wal.get(name, signal).then(found => found ?? missing))
    if (bytes instanceof Uint8Array) checkSegmentHeader(bytes, bytes.length, name, repository.identity)
    return bytes
  })
  if ('damage' in opened) return { damage: opened.damage, isHeadOnly: false }
  if (opened.value !== undefined)
    return { damage: opened.value === missing ? missing : undefined, isHeadOnly: false }
  const head = await unlessDamaged(() => unlessCold(() => wal.head(name, signal)))
  if ('value' in head && head.value === isColdFile)
    return { damage: undefined, isHeadOnly: false, isCold: true }
  return { damage: 'damage' in head ? head.damage : undefined, isHeadOnly: true }
}

const isColdFile = 'cold'

async function unlessCold<T>(work: () => Promise<T>): Promise<T | typeof isColdFile> {
  try {
    return await work()
  } catch (error) {
    if (isFault(error, 'OBJECT_COLD')) return isColdFile
    throw error
  }
}

async function unlessDamaged<T>(
  work: () => Promise<T>,
): Promise<{ readonly value: T } | { readonly damage: string }> {
  try {
    return { value: await work() }
  } catch (error) {
    if (isFault(error, ...damageCodes)) return { damage: error.message }
    throw error
  }
}

async function brokenWindow(
  deps: VerifyDeps,
  archive: Archive,
  backups: readonly BackupRecord[],
  name: string,
  message: string,
  signal: AbortSignal,
): Promise<Finding> {
  const { segmentSizeBytes } = archive
  const position = parseSegmentName(name, segmentSizeBytes)
  const startLsn = segmentStartLsn(position, segmentSizeBytes)
  const before = await headOf(
    deps,
    segmentName({ ...position, number: position.number - 1n }, segmentSizeBytes),
    signal,
  )
  const next = backups.find(
    backup =>
      backup.timeline === position.timeline &&
      parseSegmentName(backup.startWal, segmentSizeBytes).number > position.number,
  )
  const hurt = backups
    .filter(backup => segmentsOfBackup(backup, segmentSizeBytes).includes(name))
    .map(({ id }) => id)
  const from = before?.commits
    ? `${formatLsn(startLsn)} (after ${before.commits.latest})`
    : formatLsn(startLsn)
  const to = next ? `${next.stopLsn}, where backup ${next.id} opens it again` : 'the end of the archive'
  const window = `window broken from ${from} to ${to}`
  return {
    object: walKey(deps.repository.identity.cluster, name, suffixOf(deps.encoding)),
    message,
    cost: hurt.length > 0 ? `not restorable: ${hurt.join(', ')}; ${window}` : window,
  }
}

async function headOf({ wal }: VerifyDeps, name: string, signal: AbortSignal): Promise<WalHead | undefined> {
  return wal.head(name, signal).catch(() => undefined)
}

/**
 * Without its history file, a timeline can not be reached from a backup on the one before. One that began before the
 * archive did has none there, and nothing before it to be reached from.
 */
async function checkHistories(
  deps: VerifyDeps,
  { timelines }: Archive,
  backups: readonly BackupRecord[],
  signal: AbortSignal,
): Promise<Pick<CheckedWal, 'findings' | 'cold'>> {
  const findings: Finding[] = []
  let cold = 0
  for (const { timeline } of timelines.values()) {
    if (timeline === 1) continue
    const name = historyName(timeline)
    const message = await historyDamage(deps, name, signal)
    const isNeeded = backups.some(backup => backup.timeline < timeline)
    if (message === isColdFile) cold++
    if (message === undefined || message === isColdFile || (message === missing && !isNeeded)) continue
    const object = walKey(deps.repository.identity.cluster, name, suffixOf(deps.encoding))
    findings.push({
      object,
      message,
      cost: `timeline ${String(timeline)} can not be reached from backups of earlier timelines`,
    })
  }
  return { findings, cold }
}

const missing = 'it is missing'

/** Without a key, what counts is told by the head. */
async function historyDamage(
  { wal }: VerifyDeps,
  name: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const read = await unlessDamaged(
    async () =>
      (await unlessSealed(async () => (await wal.get(name, signal)) ?? missing)) ??
      unlessCold(() => wal.head(name, signal)),
  )
  if ('damage' in read) return read.damage
  return read.value === missing || read.value === isColdFile ? read.value : undefined
}

function namesBetween(timeline: number, first: bigint, last: bigint, segmentSizeBytes: number): string[] {
  const count = last < first ? 0 : Number(last - first) + 1
  return Array.from({ length: count }, (_, i) =>
    segmentName({ timeline, number: first + BigInt(i) }, segmentSizeBytes),
  )
}

const smallest = (numbers: readonly bigint[]): bigint => numbers.reduce((a, b) => (a < b ? a : b))
