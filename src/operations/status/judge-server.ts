/** Decides what is wrong with the server, as far as backups are concerned: its archiver, its slots, its disk. Touches nothing. */
import { limits } from '../../base/limits.ts'
import { formatBytes, formatDuration } from '../../base/units.ts'
import { findingOf, warningOf, type StatusFinding } from '../../policy/findings/finding.ts'
import { judgeArchiver } from '../../postgres/archiver-health.ts'
import type { ServerFacts } from '../../postgres/server-facts.ts'
import type { SlotFacts } from '../../postgres/slot-facts.ts'
import { parseSegmentName, segmentStartLsn } from '../../wal/segment.ts'
import { otherClusterHint } from '../../wal/other-cluster.ts'
import type { PlaceFacts } from './facts.ts'
import type { SeenServer, UnseenServer } from './server.ts'

export type ServerToJudge = Pick<SeenServer, 'facts' | 'slots' | 'walFolder'>

/** `isArchiving`: WAL of it is expected in a repository. */
export function ofServer(server: ServerToJudge, isArchiving: boolean): readonly StatusFinding[] {
  const fullMs = diskFullInMs(server)
  return [...(isArchiving ? ofArchiver(server, fullMs) : []), ...ofSlots(server)]
}

/** A warning: what is stored is as good as before. Whether more becomes safe, nobody can tell. */
export const ofUnseenServer = ({ fault: { message, hint } }: UnseenServer): readonly StatusFinding[] => [
  warningOf('server-unreachable', {
    repository: null,
    message: `${message}: whether what it writes becomes safe is not known`,
    fix: hint,
  }),
]

/**
 * When the disk of pg_wal is full, at the rate at which WAL was written since the oldest file began to wait. Undefined when
 * nothing waits, nothing is written, or too little is known.
 */
export function diskFullInMs({
  facts,
  walFolder,
}: Pick<ServerToJudge, 'facts' | 'walFolder'>): number | undefined {
  const { oldestWal, oldestMs } = facts.archiver.ready ?? {}
  if (!walFolder || oldestMs === undefined || !/^[0-9A-F]{24}$/.test(oldestWal ?? '')) return undefined
  const overMs = facts.nowMs - oldestMs
  if (overMs < limits.statusRateMsMin) return undefined
  const { walSegmentSizeBytes } = facts
  const waiting = parseSegmentName(oldestWal ?? '', walSegmentSizeBytes)
  const sinceLsn = segmentStartLsn({ ...waiting, number: waiting.number + 1n }, walSegmentSizeBytes)
  const writtenBytes = Number(facts.lsn - sinceLsn)
  return writtenBytes <= 0 ? undefined : (walFolder.freeBytes * overMs) / writtenBytes
}

function ofArchiver({ facts }: ServerToJudge, fullMs: number | undefined): readonly StatusFinding[] {
  const health = judgeArchiver(facts)
  const isFull = (ms: number): boolean => fullMs !== undefined && fullMs < ms
  const left =
    fullMs === undefined ? '' : `; at this rate the disk of pg_wal is full in ${formatDuration(fullMs)}`
  if (health.verdict === 'failing') {
    const isPassing =
      health.problem === 'failed' && isRecent(facts) && !isFull(limits.statusDiskFullCriticalMs)
    return [
      findingOf('archiver-failing', {
        state: isPassing ? 'warning' : 'critical',
        repository: null,
        message: `${health.message}${left}`,
        fix: health.hint,
      }),
    ]
  }
  const isBehind = health.verdict === 'doubtful' && health.problem === 'behind'
  if (!isBehind && !isFull(limits.statusDiskFullWarningMs)) return []
  const count = facts.archiver.ready?.count ?? 0
  return [
    findingOf('archiver-behind', {
      state: isFull(limits.statusDiskFullCriticalMs) ? 'critical' : 'warning',
      repository: null,
      message: `archiving is behind: ${String(count)} ${count === 1 ? 'file waits' : 'files wait'}${left}`,
      fix: 'Give archiving more speed (network, storage, compression level), or make room on the disk of pg_wal.',
    }),
  ]
}

/** It fails, and has not failed for long: PostgreSQL tries again every minute. */
function isRecent({ archiver, nowMs }: ServerFacts): boolean {
  const { lastArchivedMs, lastFailedMs, ready } = archiver
  if (lastFailedMs === undefined) return false
  const sinceMs = ready?.oldestMs ?? lastArchivedMs ?? lastFailedMs
  return nowMs - sinceMs < limits.statusArchiverGraceMs
}

/** After pg_upgrade, a new initdb, or with a wrong connection: nothing that is written there is of this server. */
export function ofOtherCluster(
  { where, facts }: Pick<SeenServer, 'where' | 'facts'>,
  places: readonly PlaceFacts[],
): readonly StatusFinding[] {
  const { systemIdentifier } = facts
  return places.flatMap(place => {
    if (place.fault !== undefined || place.systemIdentifier === systemIdentifier) return []
    if (place.backups.length + place.wal.size === 0) return []
    return [
      findingOf('other-cluster', {
        state: 'critical',
        repository: place.place.name,
        message: `what lies there is of another server: its system identifier is ${place.systemIdentifier}, and that of ${where} is ${systemIdentifier}`,
        fix: `Correct \`postgres.connection\`, if it leads to the wrong server. ${otherClusterHint}`,
      }),
    ]
  })
}

function ofSlots({ facts, slots, walFolder }: ServerToJudge): readonly StatusFinding[] {
  return slots.flatMap(slot => {
    const told = slotTrouble(slot, facts, walFolder?.freeBytes)
    return told ? [findingOf('slot-lag', { repository: null, subject: slot.name, ...told })] : []
  })
}

function slotTrouble(
  { name, kind, isActive, heldBytes = 0, walStatus }: SlotFacts,
  { walSegmentSizeBytes }: ServerFacts,
  freeBytes: number | undefined,
): Pick<StatusFinding, 'state' | 'message' | 'fix'> | undefined {
  const what = `the ${kind} slot "${name}"`
  const drop = `\`SELECT pg_drop_replication_slot('${name.replaceAll("'", "''")}')\``
  if (walStatus === 'lost')
    return {
      state: 'warning',
      message: `${what} has lost WAL that its reader needs`,
      fix: `Build what reads from it anew, and drop the slot: ${drop}.`,
    }
  if (walStatus === 'unreserved')
    return {
      state: 'warning',
      message: `${what} is about to lose WAL that its reader needs: max_slot_wal_keep_size is reached`,
      fix: 'Let its reader catch up now, or raise max_slot_wal_keep_size.',
    }
  if (isActive || heldBytes < limits.statusSlotSegmentsMax * walSegmentSizeBytes) return undefined
  const free = freeBytes === undefined ? '' : `; ${formatBytes(freeBytes)} are free there`
  return {
    state: freeBytes !== undefined && heldBytes > freeBytes ? 'critical' : 'warning',
    message: `nobody reads from ${what}, and pg_wal keeps ${formatBytes(heldBytes)} for it${free}`,
    fix: `Start what reads from it; if that is gone for good, drop the slot: ${drop}.`,
  }
}

/** A clock that is `aheadMs` ahead of this host's. */
export function ofClock(whose: string, repository: string | null, aheadMs: number): readonly StatusFinding[] {
  if (Math.abs(aheadMs) <= limits.statusClockSkewMsMax) return []
  const off = formatDuration(Math.abs(aheadMs))
  return [
    warningOf('clock-skew', {
      repository,
      message: `the clock of ${whose} is ${off} ${aheadMs > 0 ? 'ahead of' : 'behind'} this host's`,
      fix: 'Set both by the same time servers (chrony, systemd-timesyncd): leases, ids and targets of restores depend on the time.',
    }),
  ]
}
