/** From what `status` found to metrics. Decides only. */
import { version } from '../../base/version.ts'
import type { StatusFinding } from '../../policy/findings/finding.ts'
import { sample, secondsOf, type Sample } from '../../policy/metrics/sample.ts'
import type { DrillStatus } from './drills.ts'
import type { KindStatus } from './kinds.ts'
import type { Lag } from './lag.ts'
import type { RepositoryStatus, ServerStatus, StatusReport } from './status.ts'

const noLag: Omit<Lag, 'behind'> = { seconds: 0, backups: [], dumps: [], walFiles: 0, walBytes: 0 }
const levels = { ok: 0, warning: 1, critical: 2, unknown: 3 } as const

export function samplesOf(report: StatusReport): readonly Sample[] {
  return [
    ...sample('holdfast_build_info', { version }, 1),
    ...sample('holdfast_status_level', {}, levels[report.state]),
    ...sample('holdfast_status_timestamp_seconds', {}, secondsOf(report.checkedAt)),
    ...ofFindings(report.findings),
    ...ofObjectives(report.objectives),
    ...(report.server ? ofServer(report.server) : []),
    ...report.repositories.flatMap(repository => ofRepository(repository, report)),
  ]
}

function ofFindings(findings: readonly StatusFinding[]): readonly Sample[] {
  const byCode = Map.groupBy(findings, ({ code, repository, state }) =>
    JSON.stringify({ code, repository: repository ?? '', state }),
  )
  return [
    ...(['warning', 'critical'] as const).flatMap(state =>
      sample('holdfast_findings', { state }, findings.filter(one => one.state === state).length),
    ),
    ...[...byCode.values()].flatMap(some =>
      some
        .slice(0, 1)
        .flatMap(({ code, repository, state }) =>
          sample('holdfast_findings_by_code', { code, repository: repository ?? '', state }, some.length),
        ),
    ),
  ]
}

function ofObjectives({ rpo, rto }: StatusReport['objectives']): readonly Sample[] {
  const isTold = rpo.actualSeconds !== null
  return [
    ...sample('holdfast_rpo_seconds', {}, rpo.actualSeconds),
    ...sample('holdfast_rpo_target_seconds', {}, rpo.targetSeconds),
    ...sample('holdfast_rpo_is_upper_bound', {}, isTold ? rpo.isUpperBound : undefined),
    ...sample('holdfast_rto_seconds', {}, rto.actualSeconds),
    ...sample('holdfast_rto_slowest_seconds', {}, rto.slowestSeconds),
    ...sample('holdfast_rto_target_seconds', {}, rto.targetSeconds),
  ]
}

function ofServer(server: ServerStatus): readonly Sample[] {
  return [
    ...sample('holdfast_server_reachable', {}, server.fault === null),
    ...sample('holdfast_wal_waiting_segments', {}, server.walFilesWaiting),
    ...sample('holdfast_wal_archived_segments_total', {}, server.walFilesArchived),
    ...sample('holdfast_wal_archive_failures_total', {}, server.walArchiveFailures),
    ...sample('holdfast_wal_last_archived_timestamp_seconds', {}, secondsOf(server.lastArchivedAt)),
    ...sample('holdfast_wal_directory_size_bytes', {}, server.walBytes),
    ...sample('holdfast_wal_disk_free_bytes', {}, server.walFreeBytes),
    ...sample('holdfast_wal_disk_full_in_seconds', {}, server.walFullInSeconds),
    ...server.slots.flatMap(({ name: slot, isActive, heldBytes }) => [
      ...sample('holdfast_slot_active', { slot }, isActive),
      ...sample('holdfast_slot_held_bytes', { slot }, heldBytes),
    ]),
  ]
}

function ofRepository(found: RepositoryStatus, { isOwedKnown }: StatusReport): readonly Sample[] {
  const { name: repository, role, copyOf, fault } = found
  return [
    ...sample('holdfast_repository_info', { repository, role, copy_of: copyOf ?? '' }, 1),
    ...sample('holdfast_repository_reachable', { repository }, fault === null),
    ...sample('holdfast_repository_rpo_seconds', { repository }, found.rpo?.actualSeconds),
    ...sample('holdfast_repository_key_opens', { repository }, found.isKeyRight),
    ...(found.lastDrill ? ofDrill(repository, found.lastDrill) : []),
    ...(fault === null ? ofContents(found) : []),
    ...ofLag(found),
    ...(isOwedKnown ? sample('holdfast_wal_owed_segments', { repository }, found.owed?.files ?? 0) : []),
  ]
}

function ofDrill(
  repository: string,
  { outcome, endedAt, durationSeconds, rtoSeconds, lastPassedAt }: DrillStatus,
): readonly Sample[] {
  return [
    ...sample('holdfast_drill_last_passed', { repository }, outcome === 'passed'),
    ...sample('holdfast_drill_last_run_timestamp_seconds', { repository }, secondsOf(endedAt)),
    ...sample('holdfast_drill_last_success_timestamp_seconds', { repository }, secondsOf(lastPassedAt)),
    ...sample('holdfast_drill_duration_seconds', { repository }, durationSeconds),
    ...sample('holdfast_drill_rto_seconds', { repository }, rtoSeconds),
  ]
}

function ofContents(found: RepositoryStatus): readonly Sample[] {
  const { name: repository, kinds, wal, windows, gaps, newestWal, archive } = found
  const newest = windows.at(-1)
  const labels = { repository }
  return [
    ...kinds.flatMap(kind => ofKind(repository, kind)),
    ...sample('holdfast_repository_stored_bytes', { repository, kind: 'wal' }, wal?.storedBytes),
    ...sample('holdfast_archived_backups', { repository, kind: 'backup' }, archive?.backups),
    ...sample('holdfast_archived_backups', { repository, kind: 'dump' }, archive?.dumps),
    ...sample('holdfast_recovery_window_start_timestamp_seconds', labels, secondsOf(newest?.from)),
    ...sample(
      'holdfast_recovery_window_end_timestamp_seconds',
      labels,
      secondsOf(newest?.to ?? newest?.from),
    ),
    ...sample('holdfast_wal_segments', labels, wal?.files),
    ...sample('holdfast_wal_newest_commit_timestamp_seconds', labels, secondsOf(newestWal?.lastCommit)),
    ...sample('holdfast_wal_gaps', labels, gaps),
  ]
}

function ofKind(repository: string, { kind, count, storedBytes, newest }: KindStatus): readonly Sample[] {
  const labels = { repository, kind }
  return [
    ...sample('holdfast_backups', labels, count),
    ...sample('holdfast_repository_stored_bytes', labels, storedBytes),
    ...sample('holdfast_backup_last_success_timestamp_seconds', labels, secondsOf(newest.endedAt)),
    ...sample('holdfast_backup_size_bytes', labels, newest.storedBytes),
    ...sample('holdfast_backup_source_size_bytes', labels, newest.rawBytes),
    ...sample('holdfast_backup_duration_seconds', labels, newest.durationSeconds),
    ...sample('holdfast_backup_corrupt_pages', labels, newest.pagesCorrupt),
  ]
}

function ofLag({ name: repository, role, fault, lag }: RepositoryStatus): readonly Sample[] {
  // Of those that are written at once, the one that is furthest is behind nobody.
  const isAhead = role === 'also' && fault === null && lag === null
  const { seconds, backups, dumps, walFiles, walBytes } = isAhead ? noLag : (lag ?? {})
  const lacking = backups && dumps && backups.length + dumps.length
  return [
    ...sample('holdfast_repository_lag_seconds', { repository }, seconds),
    ...sample('holdfast_repository_lag_backups', { repository }, lacking),
    ...sample('holdfast_repository_lag_segments', { repository }, walFiles),
    ...sample('holdfast_repository_lag_bytes', { repository }, walBytes),
  ]
}
