/**
 * Every metric there is: what Prometheus reads, what CloudWatch is sent, and docs/reference/metrics.md come from this table.
 *
 * Names end in their base unit. Moments are told as seconds since 1970 and not as ages: who asks later computes the right age.
 * CloudWatch can not compute with its own time, so there a moment is sent as its age.
 */
import { agentMetrics } from './agent-metrics.ts'
import type { Metric } from './metric.ts'

const ofRepository = { type: 'gauge', from: 'repositories', labels: ['repository'] } as const
const ofKind = { type: 'gauge', from: 'repositories', labels: ['repository', 'kind'] } as const
const ofSlot = { type: 'gauge', from: 'repositories', labels: ['slot'] } as const
const ofAll = { type: 'gauge', from: 'repositories', labels: [] } as const

const catalogue = {
  holdfast_build_info: {
    ...ofAll,
    unit: 'state',
    labels: ['version'],
    help: 'Always 1; the version of Holdfast that tells.',
  },
  holdfast_status_level: {
    ...ofAll,
    unit: 'number',
    help: 'What `holdfast status` ends with: 0 all is well, 1 warning, 2 critical, 3 nothing could be told.',
    cloudwatch: 'StatusLevel',
  },
  holdfast_status_timestamp_seconds: {
    ...ofAll,
    unit: 'timestamp',
    help: 'When the repositories were looked at. All that is told of them is as of then.',
    cloudwatch: 'StatusAge',
  },
  holdfast_findings: {
    ...ofAll,
    unit: 'number',
    labels: ['state'],
    help: 'So many things need attention, by how bad they are: warning, critical.',
    cloudwatch: 'Findings',
  },
  holdfast_findings_by_code: {
    ...ofAll,
    unit: 'number',
    labels: ['code', 'repository', 'state'],
    help: 'What they are, by the codes of `holdfast status`. Without a repository: of the server, the host, the whole. Gone when it is settled.',
  },

  holdfast_rpo_seconds: {
    ...ofAll,
    unit: 'seconds',
    help: 'What would be lost if the server were lost now. Left out when nothing can be restored, or nothing can be told.',
    cloudwatch: 'RpoActual',
  },
  holdfast_rpo_target_seconds: {
    ...ofAll,
    unit: 'seconds',
    help: 'What may be lost: `objectives.rpo` of the configuration.',
    cloudwatch: 'RpoTarget',
  },
  holdfast_rpo_is_upper_bound: {
    ...ofAll,
    unit: 'state',
    help: 'Whether that is a bound only, since the server could not be asked whether there was any commit since.',
  },
  holdfast_rto_seconds: {
    ...ofAll,
    unit: 'seconds',
    help: 'How long the return would take: from drills, scaled to the size of today. Left out while no drill tells.',
    cloudwatch: 'RtoActual',
  },
  holdfast_rto_slowest_seconds: {
    ...ofAll,
    unit: 'seconds',
    help: 'How long it would take with the slowest rates that were seen.',
  },
  holdfast_rto_target_seconds: {
    ...ofAll,
    unit: 'seconds',
    help: 'How long it may take: `objectives.rto` of the configuration.',
    cloudwatch: 'RtoTarget',
  },
  holdfast_drill_last_passed: {
    ...ofRepository,
    unit: 'state',
    help: 'Whether the last drill passed: a restore from the repository that was started, replayed and questioned.',
    cloudwatch: 'DrillPassed',
  },
  holdfast_drill_last_run_timestamp_seconds: {
    ...ofRepository,
    unit: 'timestamp',
    help: 'When the last drill ended.',
  },
  holdfast_drill_last_success_timestamp_seconds: {
    ...ofRepository,
    unit: 'timestamp',
    help: 'When the last drill ended that passed.',
    cloudwatch: 'DrillAge',
  },
  holdfast_drill_duration_seconds: {
    ...ofRepository,
    unit: 'seconds',
    help: 'How long the last drill took.',
    cloudwatch: 'DrillDuration',
  },
  holdfast_drill_rto_seconds: {
    ...ofRepository,
    unit: 'seconds',
    help: 'How long the last drill took until the server could be used.',
  },
  holdfast_repository_key_opens: {
    ...ofRepository,
    unit: 'state',
    help: 'Whether the configured key opens what was sealed last. Left out where there is no key to try.',
    cloudwatch: 'KeyOpens',
  },
  holdfast_repository_rpo_seconds: {
    ...ofRepository,
    unit: 'seconds',
    help: 'What would be lost if the server were lost now, and all other repositories with it.',
  },

  holdfast_server_reachable: {
    ...ofAll,
    unit: 'state',
    help: 'Whether PostgreSQL answered. When it did not, nothing more is told of it.',
    cloudwatch: 'ServerReachable',
  },
  holdfast_wal_waiting_segments: {
    ...ofAll,
    unit: 'number',
    help: 'WAL files of the server that wait to be archived.',
    cloudwatch: 'WalWaiting',
  },
  holdfast_wal_archived_segments_total: {
    ...ofAll,
    type: 'counter',
    unit: 'number',
    help: 'WAL files that the server has archived, by its own statistics.',
  },
  holdfast_wal_archive_failures_total: {
    ...ofAll,
    type: 'counter',
    unit: 'number',
    help: 'How often archiving a WAL file failed, by the statistics of the server.',
  },
  holdfast_wal_last_archived_timestamp_seconds: {
    ...ofAll,
    unit: 'timestamp',
    help: 'When the server archived a WAL file last.',
  },
  holdfast_wal_directory_size_bytes: { ...ofAll, unit: 'bytes', help: 'All of pg_wal of the server.' },
  holdfast_wal_disk_free_bytes: {
    ...ofAll,
    unit: 'bytes',
    help: 'What is free on the disk of pg_wal. Told on the host of the server.',
    cloudwatch: 'WalDiskFree',
  },
  holdfast_wal_disk_full_in_seconds: {
    ...ofAll,
    unit: 'seconds',
    help: 'So long until that disk is full, while WAL files wait to be archived.',
    cloudwatch: 'WalDiskFullIn',
  },
  holdfast_slot_active: {
    ...ofSlot,
    unit: 'state',
    help: 'Whether somebody reads from the replication slot.',
  },
  holdfast_slot_held_bytes: {
    ...ofSlot,
    unit: 'bytes',
    help: 'The WAL that the replication slot keeps from being removed.',
    cloudwatch: 'SlotHeld',
  },

  holdfast_repository_info: {
    ...ofRepository,
    unit: 'state',
    labels: ['repository', 'role', 'copy_of'],
    help: 'Always 1. Role: first (backups and WAL go there), also (they go there, too), copy, idle.',
  },
  holdfast_repository_reachable: {
    ...ofRepository,
    unit: 'state',
    help: 'Whether the repository could be read. When it could not, nothing more is told of it.',
    cloudwatch: 'RepositoryReachable',
  },
  holdfast_repository_stored_bytes: {
    ...ofKind,
    unit: 'bytes',
    help: 'Stored bytes by kind: full, incremental, snapshot, dump, wal. Of snapshots, only what lies in the repository.',
    cloudwatch: 'StoredBytes',
  },
  holdfast_archived_backups: {
    ...ofKind,
    unit: 'number',
    help: 'So many backups and dumps lie in the archive of the repository. Kind: backup, dump.',
  },

  holdfast_backups: {
    ...ofKind,
    unit: 'number',
    help: 'So many complete backups there are, by kind: full, incremental, snapshot, dump, managed (snapshots that a managed server makes).',
    cloudwatch: 'Backups',
  },
  holdfast_backup_last_success_timestamp_seconds: {
    ...ofKind,
    unit: 'timestamp',
    help: 'When the newest backup of the kind ended.',
    cloudwatch: 'BackupAge',
  },
  holdfast_backup_size_bytes: {
    ...ofKind,
    unit: 'bytes',
    help: 'What the newest backup of the kind takes in the repository.',
    cloudwatch: 'BackupSize',
  },
  holdfast_backup_source_size_bytes: {
    ...ofKind,
    unit: 'bytes',
    help: 'What the newest backup of the kind holds, before compression.',
    cloudwatch: 'BackupSourceSize',
  },
  holdfast_backup_duration_seconds: {
    ...ofKind,
    unit: 'seconds',
    help: 'How long the newest backup of the kind took.',
    cloudwatch: 'BackupDuration',
  },
  holdfast_backup_corrupt_pages: {
    ...ofKind,
    unit: 'number',
    help: 'Pages that failed their checksum in the newest backup of the kind.',
    cloudwatch: 'BackupCorruptPages',
  },

  holdfast_recovery_window_start_timestamp_seconds: {
    ...ofRepository,
    unit: 'timestamp',
    help: 'The beginning of the newest span in which every point can be restored.',
  },
  holdfast_recovery_window_end_timestamp_seconds: {
    ...ofRepository,
    unit: 'timestamp',
    help: 'The end of that span: the newest point that can be restored. A server in which nothing is committed does not move it.',
    cloudwatch: 'RecoveryPointAge',
  },
  holdfast_wal_segments: {
    ...ofRepository,
    unit: 'number',
    help: 'So many WAL files are stored.',
  },
  holdfast_wal_newest_commit_timestamp_seconds: {
    ...ofRepository,
    unit: 'timestamp',
    help: 'The newest commit that is durable in the repository. A server in which nothing is committed does not move it.',
    cloudwatch: 'NewestCommitAge',
  },
  holdfast_wal_gaps: {
    ...ofRepository,
    unit: 'number',
    help: 'Holes in the stored WAL. Nothing between a hole and the next backup can be restored.',
    cloudwatch: 'WalGaps',
  },
  holdfast_wal_owed_segments: {
    ...ofRepository,
    unit: 'number',
    help: 'WAL files that PostgreSQL was told are safe, and that are only in other repositories yet. Told on the host of the server.',
    cloudwatch: 'WalOwed',
  },

  holdfast_repository_lag_seconds: {
    ...ofRepository,
    unit: 'seconds',
    help: 'How far the repository is behind the one that it follows, between the newest commits of both.',
    cloudwatch: 'RepositoryLag',
  },
  holdfast_repository_lag_backups: {
    ...ofRepository,
    unit: 'number',
    help: 'Backups and dumps that it lacks of those of the one that it follows.',
    cloudwatch: 'RepositoryLagBackups',
  },
  holdfast_repository_lag_segments: {
    ...ofRepository,
    unit: 'number',
    help: 'WAL files that it lacks.',
    cloudwatch: 'RepositoryLagSegments',
  },
  holdfast_repository_lag_bytes: {
    ...ofRepository,
    unit: 'bytes',
    help: 'The stored bytes of these WAL files.',
  },

  ...agentMetrics,
} as const satisfies Record<string, Metric>

export type MetricName = keyof typeof catalogue
export type LabelOf<Name extends MetricName> = (typeof catalogue)[Name]['labels'][number]

export const metricCatalogue: Readonly<Record<MetricName, Metric>> = catalogue

export const isMetricName = (name: string): name is MetricName => Object.hasOwn(catalogue, name)
