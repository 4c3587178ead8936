/** What monitoring is told of what `status` found. */
import { expect, test } from 'vitest'
import { warningOf } from '../../policy/findings/finding.ts'
import type { DrillSummary } from '../../repository/format/drill-record.ts'
import { drillStatusOf } from './drills.ts'
import type { KindStatus } from './kinds.ts'
import { samplesOf } from './samples.ts'
import type { RepositoryStatus, StatusReport } from './status.ts'

const full: KindStatus = {
  kind: 'full',
  count: 3,
  storedBytes: 3000,
  newest: {
    id: '20260301T020000Z-full',
    endedAt: '2026-03-01T02:10:00Z',
    durationSeconds: 600.5,
    rawBytes: 5000,
    storedBytes: 1200,
    pagesCorrupt: 0,
  },
}
const main: RepositoryStatus = {
  name: 'main',
  url: 'file:///srv/backups',
  role: 'first',
  copyOf: null,
  fault: null,
  backups: 3,
  kinds: [full],
  wal: { files: 12, storedBytes: 640 },
  lastDrill: null,
  newestBackup: null,
  isKeyRight: null,
  newestDump: null,
  managed: null,
  windows: [{ from: '2026-02-01T00:00:00.000000Z', to: '2026-03-01T03:00:00.250000Z', timeline: 1 }],
  gaps: 1,
  newestWal: { name: '000000010000000000000007', lastCommit: '2026-03-01T03:00:00.250000Z' },
  archive: null,
  lag: null,
  rpo: null,
  owed: null,
}
const report: StatusReport = {
  state: 'warning',
  checkedAt: '2026-03-01T04:00:00.000Z',
  objectives: {
    rpo: { targetSeconds: 3600, actualSeconds: 40.5, isUpperBound: true },
    rto: { targetSeconds: null, actualSeconds: null, slowestSeconds: null, drills: 0, phases: [] },
  },
  server: null,
  isOwedKnown: false,
  findings: ['a', 'b'].map(subject =>
    warningOf('window-gap', { repository: 'main', subject, message: 'x', fix: 'y' }),
  ),
  repositories: [main],
}

function told(changed: Partial<StatusReport>): ReadonlyMap<string, number> {
  const samples = samplesOf({ ...report, ...changed })
  const lines = samples.map(
    ({ name, labels, value }) => [`${name} ${Object.values(labels).join(' ')}`.trim(), value] as const,
  )
  expect(new Set(lines.map(([line]) => line)).size).toBe(lines.length)
  return new Map(lines)
}

test('a repository tells sizes, times, the window and the WAL', () => {
  const values = told({})
  expect(Object.fromEntries(values)).toMatchObject({
    holdfast_status_level: 1,
    holdfast_status_timestamp_seconds: 1772337600,
    'holdfast_findings warning': 2,
    'holdfast_findings critical': 0,
    'holdfast_findings_by_code window-gap main warning': 2,
    'holdfast_repository_reachable main': 1,
    'holdfast_backups main full': 3,
    'holdfast_backup_size_bytes main full': 1200,
    'holdfast_backup_source_size_bytes main full': 5000,
    'holdfast_backup_duration_seconds main full': 600.5,
    'holdfast_backup_last_success_timestamp_seconds main full': 1772331000,
    'holdfast_backup_corrupt_pages main full': 0,
    'holdfast_repository_stored_bytes main full': 3000,
    'holdfast_repository_stored_bytes main wal': 640,
    'holdfast_recovery_window_end_timestamp_seconds main': 1772334000.25,
    'holdfast_wal_newest_commit_timestamp_seconds main': 1772334000.25,
    'holdfast_wal_segments main': 12,
    'holdfast_wal_gaps main': 1,
  })
  expect([...values.keys()].filter(key => /lag|owed|archived/.test(key))).toEqual([])
})

test('a repository that could not be read tells that alone, and what its host knows of it', () => {
  const fault = { code: 'STORAGE_UNAVAILABLE', message: 'it is gone' }
  const lost = { ...main, fault, backups: 0, kinds: [], wal: null, windows: [], gaps: 0, newestWal: null }
  const values = told({ findings: [], repositories: [lost], isOwedKnown: true, state: 'unknown' })
  expect([...values].filter(([key]) => key.includes('main'))).toEqual([
    ['holdfast_repository_info main first', 1],
    ['holdfast_repository_reachable main', 0],
    ['holdfast_wal_owed_segments main', 0],
  ])
  expect(values.get('holdfast_status_level')).toBe(3)
})

test('who follows tells how far behind it is, and who is written at once that it is not', () => {
  const lag = { behind: 'main', backups: ['a'], dumps: ['b'], walFiles: 4, walBytes: 99, seconds: null }
  const copy = { ...main, name: 'second', role: 'copy', copyOf: 'main', lag } as const
  const also = { ...main, name: 'third', role: 'also' } as const
  const values = told({ repositories: [main, copy, also] })
  expect([...values].filter(([key]) => key.includes('lag'))).toEqual([
    ['holdfast_repository_lag_backups second', 2],
    ['holdfast_repository_lag_segments second', 4],
    ['holdfast_repository_lag_bytes second', 99],
    ['holdfast_repository_lag_seconds third', 0],
    ['holdfast_repository_lag_backups third', 0],
    ['holdfast_repository_lag_segments third', 0],
    ['holdfast_repository_lag_bytes third', 0],
  ])
})

test('the server tells how its WAL gets away, and what is promised is told beside what is', () => {
  const values = told({
    server: {
      ...{ fault: null, isStandby: false, timeline: 1, lsn: '0/1' },
      ...{ walFilesWaiting: 3, walFilesArchived: 40, walArchiveFailures: 2 },
      lastArchivedAt: '2026-03-01T03:59:00.000Z',
      ...{ walBytes: 7, walFreeBytes: 8, walFullInSeconds: 90 },
      slots: [{ name: 'standby', isActive: false, heldBytes: 5, walStatus: 'reserved' }],
    },
  })
  expect(Object.fromEntries(values)).toMatchObject({
    holdfast_rpo_seconds: 40.5,
    holdfast_rpo_target_seconds: 3600,
    holdfast_rpo_is_upper_bound: 1,
    holdfast_server_reachable: 1,
    holdfast_wal_waiting_segments: 3,
    holdfast_wal_archived_segments_total: 40,
    holdfast_wal_archive_failures_total: 2,
    holdfast_wal_last_archived_timestamp_seconds: 1772337540,
    holdfast_wal_disk_free_bytes: 8,
    holdfast_wal_disk_full_in_seconds: 90,
    'holdfast_slot_active standby': 0,
    'holdfast_slot_held_bytes standby': 5,
  })
})

test('the last drill is told, with the last that passed', () => {
  const drill = (hour: string, outcome: 'passed' | 'failed', actualMs: number | null) =>
    ({
      id: `20260301T${hour}0000Z-drill`,
      outcome,
      endedAt: `2026-03-01T${hour}:30:00.000Z`,
      durationMs: 1_800_000,
      rto: { actualMs, targetMs: null },
    }) as DrillSummary
  const lastDrill = drillStatusOf([drill('02', 'failed', null), drill('01', 'passed', 60_000)])
  const values = told({ repositories: [{ ...main, lastDrill, isKeyRight: true }] })
  expect([...values].filter(([key]) => /drill|key/.test(key))).toEqual([
    ['holdfast_repository_key_opens main', 1],
    ['holdfast_drill_last_passed main', 0],
    ['holdfast_drill_last_run_timestamp_seconds main', 1772332200],
    ['holdfast_drill_last_success_timestamp_seconds main', 1772328600],
    ['holdfast_drill_duration_seconds main', 1800],
  ])
  expect(drillStatusOf([])).toBeNull()
})
