/** Every bound in the program. Nothing queues, loops or waits without one of these. */
import { assert } from './assert.ts'
import { GiB, KiB, MiB, day, hour, minute, second } from './units.ts'

export const limits = {
  /** Raw bytes in one zstd frame. Also the size of one read from a data file. */
  frameSizeBytesMax: 1 * MiB,
  /** A pack is closed at the next file boundary once so much is stored in it… */
  packSizeBytesTarget: 1 * GiB,
  /** …or once it holds so many files, which bounds the memory for their entries. */
  packFilesMax: 100_000,
  /** age's STREAM chunk; the age specification fixes it. */
  ageChunkSizeBytes: 64 * KiB,
  workersMax: 64,
  /** With `workers: auto`: more seldom pays, and the database wants its cores. */
  workersAutoMax: 8,
  /** Small files are copied in batches of one directory: so many files, or so many bytes. */
  batchFilesMax: 256,
  batchSizeBytesTarget: 4 * MiB,
  /** A restore gives a worker so many raw bytes of a pack at a time, or so many files. */
  restoreTaskSizeBytesTarget: 256 * MiB,
  restoreTaskFilesMax: 4096,
  /** Told to stop, a worker may clean up for so long before it is ended. */
  workerStopMsMax: 10 * second,
  /** Of each worker's JavaScript heap: buffers lie outside. */
  workerHeapMiBMax: 256,
  /** Small: what a worker throws away are mostly buffers, which are given back when this part is collected. */
  workerYoungHeapMiBMax: 4,
  /** Workers tell their progress in steps of so many bytes. */
  progressStepBytes: 8 * MiB,

  /** JSON objects that are read whole: backup.json, cluster.json, leases. */
  recordSizeBytesMax: 64 * MiB,
  manifestLineSizeBytesMax: 64 * KiB,

  storageRequestMsMax: 60 * second,
  /** One piece of an object as it is read from the storage; one more is read ahead. */
  storagePieceSizeBytes: 1 * MiB,
  /** So much of a growing file is sent to the disk at a time, in the background. */
  writebackSizeBytes: 64 * MiB,
  storageListKeysMax: 10_000_000,

  leaseTtlMs: 60 * second,
  leaseRenewMs: 15 * second,
  /** A holder that could not renew for so long gives up, well before others may take the lease. */
  leaseGiveUpMs: 45 * second,
  /** A lease that ended longer ago than clocks of servers differ is taken without waiting. */
  leaseClockSkewMsMax: 5 * minute,
  leaseReleaseMsMax: 10 * second,

  postgresConnectMsMax: 10 * second,
  postgresStatementMsMax: 60 * second,
  /** How much longer than a statement's own limit a server may be silent before its connection is dropped. */
  postgresSilenceMsMax: 10 * second,
  /** pg_backup_start may have to wait for a whole checkpoint. */
  postgresCheckpointMsMax: 1 * hour,

  /** Page checksum failures listed by file and block in backup.json; more are only counted. */
  corruptPagesListedMax: 10_000,
  /** How often a page that fails its checksum is read again, and the pause between: a torn page heals within one write. */
  pageRereads: 5,
  pageRereadPauseMs: 20,
  /** A file with more corrupt pages than this is not torn: its further pages are not read again. */
  pageRereadsFileMax: 256,

  /** So many directory entries are looked at before other work of the process gets its turn. */
  scanSliceFiles: 1000,

  /** So much of the end of a server's log is searched for what went wrong. */
  serverLogBytesMax: 256 * KiB,
  /** Files wait in archive_status and nothing was archived for so long: the archiver stands still. */
  archiverStallMsMax: 5 * minute,
  /** So many files waiting are worth a warning. */
  archiverBehindSegments: 64,
  /** No new segment in the repository for so long, while waiting for a backup's WAL: give up. */
  walWaitStallMsMax: 5 * minute,
  walWaitPollMs: 250,
  walSegmentSizeBytesMin: 1 * MiB,
  walSegmentSizeBytesMax: 1 * GiB,
  /** History files (a line a timeline) and backup history files. */
  walTextSizeBytesMax: 16 * MiB,
  walPageSizeBytesMin: 1 * KiB,
  walPageSizeBytesMax: 64 * KiB,
  /** The last transaction before a target is looked for in so many segments. */
  walLookBackSegmentsMax: 256,
  /** Segments are fetched ahead up to so many, and to so many bytes (but one at least). */
  walFetchAheadSegments: 16,
  walFetchAheadBytesMax: 512 * MiB,
  walFetchAheadParallel: 4,
  walFetchAheadPollMs: 20,
  /** After the end of the archive was met: the next segment may be pushed any time. */
  walFetchAheadEndPauseMs: 1 * second,
  /** The fetching process shows that it lives far more often than this. */
  walFetchAheadSilenceMsMax: 10 * second,
  walFetchAheadIdleMs: 20 * second,

  /** Objects without a backup.json are left alone for so long. */
  sweepGraceMs: 1 * day,
  /** Backups that were copied whole, but whose WAL never arrived, are left alone for so long. */
  sweepAwaitingGraceMs: 7 * day,

  serverStartMsMax: 10 * minute,
  serverStopMsMax: 5 * minute,
  /** A recovering server whose log says nothing for so long stands still. Each segment replayed is a line there. */
  recoveryStallMsMax: 1 * hour,
  recoveryPollMs: 100,
  toolMsMax: 5 * minute,
} as const

assert(limits.leaseRenewMs * 3 <= limits.leaseTtlMs, 'a lease survives two missed renewals')
assert(
  limits.leaseGiveUpMs + limits.leaseRenewMs <= limits.leaseTtlMs,
  'a holder gives up before others take over',
)
assert(limits.frameSizeBytesMax % (32 * KiB) === 0, 'a frame holds whole pages of every block size')
