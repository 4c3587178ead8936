/** Every bound in the program. Nothing queues, loops or waits without one of these. */
import { assert } from './assert.ts'
import { objectStorageLimits } from './object-storage-limits.ts'
import { statusLimits } from './status-limits.ts'
import { GiB, KiB, MiB, day, hour, minute, second } from './units.ts'

export const limits = {
  ...objectStorageLimits,

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
  /** A restore gives a worker so many raw bytes of a pack at a time, or so many files. Each has one task ahead. */
  restoreTaskSizeBytesMin: 64 * MiB,
  restoreTaskSizeBytesMax: 192 * MiB,
  /** So many tasks for each worker, where the bounds allow it: fewer leave one worker alone at the end, more cost requests. */
  restoreTasksPerWorker: 16,
  restoreTaskFilesMin: 2048,
  restoreTaskFilesMax: 16_384,
  /** The same where files are small: their tasks are the last of a pack, and a request for each is short. */
  restoreFileTasksPerWorker: 6,
  /** Told to stop, a worker may clean up for so long before it is ended. */
  workerStopMsMax: 10 * second,
  /** Done with its work, or ended, a thread has so long to go. */
  workerEndMsMax: 5 * second,
  /** Of each worker's JavaScript heap: buffers lie outside. */
  workerHeapMiBMax: 256,
  /** Small: what a worker throws away are mostly buffers, which are given back when this part is collected. */
  workerYoungHeapMiBMax: 4,
  /** Workers tell their progress in steps of so many bytes. */
  progressStepBytes: 8 * MiB,

  /** JSON objects that are read whole: backup.json, cluster.json, leases. */
  recordSizeBytesMax: 64 * MiB,
  manifestLineSizeBytesMax: 64 * KiB,
  /** The first line holds all patterns that were given. */
  dumpContentsLineCharsMax: 4 * MiB,
  /** So many backups may be newer than the catalogue's index before the next one is written. */
  catalogNewerMax: 16,
  /** An unfinished backup that began so long before the newest one is no longer looked after by the index. */
  catalogOthersMsMax: 30 * day,

  /** Of a dump's table of contents: all of it, one text in it, and its entries. */
  dumpTocSizeBytesMax: 2 * GiB,
  dumpTextSizeBytesMax: 1 * GiB,
  dumpEntriesMax: 20_000_000,
  /** Told to stop, pg_dump has so long until it is killed. */
  dumpStopMsMax: 5 * second,
  /** Of what a client program says, so much of the beginning and of the end is kept. */
  clientSaidCharsMax: 32 * KiB,
  /** A dump begins anew so often when tables were rewritten between its snapshot and its locks. */
  dumpSnapshotTriesMax: 3,
  dumpJobsMax: 64,
  /** With several jobs, and no other word of the user: locks that are not had after so long end the dump. */
  dumpJobLockMsMax: 1 * minute,
  /** With several jobs: so many of the largest tables are given to one by name, the others are dumped together. */
  dumpTablesSplitMax: 500,
  /** With several jobs: a table that is not larger is held in memory and goes into a pack. */
  dumpSmallFileBytesMax: 4 * MiB,
  /** A run of pg_restore gets so many bytes of small tables, or so many tables. */
  dumpTaskSizeBytesTarget: 8 * MiB,
  dumpTaskTablesMax: 250,
  /** A statement that makes or counts something may take as long as there is data. */
  dumpStatementMsMax: 7 * day,
  /** A database that is renamed is waited for so long, when others make changes to it. Who wants to connect waits, too. */
  databaseLockMsMax: 10 * second,
  /** A lock on a table is waited for so long, since those who come after wait, too; then it is asked for again after a pause. */
  tableLockMsMax: 1 * second,
  tableLockPauseMs: 2 * second,
  tableLockTriesMax: 100,
  /** What a restore that failed has made is dropped within this time, or by the next one. */
  dumpCleanUpMsMax: 1 * minute,

  storageRequestMsMax: 60 * second,
  /** One piece of an object as it is read from the storage; one more is read ahead. */
  storagePieceSizeBytes: 1 * MiB,
  /** So much of a growing file is sent to the disk at a time, in the background. */
  writebackSizeBytes: 64 * MiB,
  storageListKeysMax: 10_000_000,
  /** A request that is made again for so long is told of; the same try of others, of the same repository, only after so long. */
  retryQuietMs: 1 * second,
  retryTellMs: 10 * second,
  /** Where another repository can be asked instead: one that has said nothing for so long is passed over. */
  sourceSilenceMsMax: 20 * second,
  /** …and one that takes so long is not waited for, while the next is asked at the same time. */
  sourceHedgeMs: 2 * second,
  /** For so long after an outage a repository is asked after the others. */
  sourceOutageMs: 30 * second,
  /** A restore has at most so many requests on their way for each worker; all of them together hold so many bytes. */
  readAheadPartsMax: 6,
  readAheadSizeBytesMax: 64 * MiB,
  /** Large, since each is paid for; small enough for many workers. */
  readAheadPartSizeBytesMin: 2 * MiB,
  readAheadPartSizeBytesMax: 16 * MiB,

  /** What a cloud makes (volumes, copies, instances) is looked at so often while it is on its way. */
  cloudPollMs: 3 * second,
  cloudPollMsMax: 30 * second,
  /** Ask whether this host is a machine of the cloud: the service that knows is near, or is not there. */
  cloudMetadataMsMax: 2 * second,
  /** A list of a cloud's API longer than this is somebody's mistake. */
  cloudListMax: 100_000,

  /** Objects that a copy of a repository moves at the same time. */
  copyParallel: 8,
  /** Smaller ones are held in memory while they are checked, so that they are read only once. */
  copyWholeSizeBytesMax: 16 * MiB,
  /** Writes of one object, when other bytes arrive than were sent. */
  copyAttemptsMax: 3,
  /** Objects of a destination that an earlier copy may have written without having read them back. */
  copyRecheckedMax: 64,
  /** A copy that goes on looks so often whether something is new… */
  copyPollMs: 5 * second,
  /** …and so often at everything. */
  copyFullPassMs: 10 * minute,
  /** What it looks at again each time: WAL may arrive out of order. */
  copyPollOverlapFiles: 128,

  ...statusLimits,
  /** What the agent has a process of its own look up. */
  agentAskMsMax: 5 * minute,
  /** Between two looks for metrics, however long one takes. */
  metricsPauseMsMin: 10 * second,
  /** What one request to CloudWatch takes along: it may be 1 MiB at most. */
  cloudwatchDataMax: 200,
  /** Who asks over HTTP: the size of what is asked, the time for it, how long a connection may be idle, how many there are. */
  httpHeaderBytesMax: 8 * KiB,
  httpRequestMsMax: 10 * second,
  httpIdleMsMax: 75 * second,
  httpConnectionsMax: 64,

  /** Objects that are looked at, or asked for, at the same time while they are thawed. */
  thawParallel: 16,
  /** So long between two looks, twice as long each time: it takes minutes to days. */
  thawPollMsFirst: 5 * second,
  thawPollMsMax: 10 * minute,

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
  /** A file waits for so long and there is no archiver: it is not just being started. */
  archiverEndedMsMin: 3 * second,
  /** So many files waiting are worth a warning. */
  archiverBehindSegments: 64,
  /** No new segment in the repository for so long, while waiting for a backup's WAL: give up. */
  walWaitStallMsMax: 5 * minute,
  walWaitPollMs: 250,
  /** The pause grows to this: each look is a request. */
  walWaitPollMsMax: 1 * second,
  walSegmentSizeBytesMin: 1 * MiB,
  walSegmentSizeBytesMax: 1 * GiB,
  /** History files (a line a timeline) and backup history files. */
  walTextSizeBytesMax: 16 * MiB,
  walPageSizeBytesMin: 1 * KiB,
  walPageSizeBytesMax: 64 * KiB,
  /** The last transaction before a target is looked for in so many segments. */
  walLookBackSegmentsMax: 256,
  /** `wal find` tells of so many things; more are only counted. */
  walFindListedMax: 10_000,
  /** Names that are like one that is not there. */
  walFindNearMax: 5,
  /** So much WAL restore-table fetches before it starts its scratch server; more comes segment by segment. */
  restoreTableWalHeldBytesMax: 1 * GiB,
  /** Rows of smaller tables go with the dump of their definitions. */
  restoreTableRowsApartBytesMin: 8 * MiB,
  restoreTableProgressMs: 500,
  /** So often may a catalogue be moved to another file (VACUUM FULL) while `wal find` follows it. */
  walFindCatalogueMovesMax: 32,
  /** A transaction that was begun before a backup is followed for so many segments after its start. */
  walFindBeyondSegmentsMax: 256,
  /** Commits may lie so far out of the order of their times, in microseconds. */
  walFindDisorderMicrosMax: 60_000_000,
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

  /** A push gives up when so long after its begin too few repositories have the file. */
  walPushMsMax: 2 * minute,
  /** …or tries those that were known to be away, when the others were not enough. */
  walPushWithoutSomeMsMax: 15 * second,
  /** Once as many repositories have a file as must, the others get so much longer; then it is owed to them. */
  walPushGraceMs: 500,
  walPushPollMs: 20,
  /** A call waits so long for the pushing process that it has started, and so long for one that lives to begin with its file. */
  walPushStartMsMax: 10 * second,
  walPushClaimMsMax: 200,
  /** The pushing process ends when nothing was to be done for so long. */
  walPushAheadIdleMs: 3 * second,
  /** It shows that it lives far more often than this. */
  walPushAheadSilenceMsMax: 10 * second,
  /** For each thread that compresses, so many files are read, compressed, or on their way: each is held in memory. */
  walPushLanesPerWorker: 6,
  /** When more files wait, archiving has fallen behind. */
  walPushWaitingUsual: 8,
  /** A repository whose opening takes longer may never answer to this process. */
  walOpenMsMax: 10 * second,
  /** With larger segments one is pushed at a time: each is held in memory as it is stored. */
  walPushAheadSegmentBytesMax: 64 * MiB,
  /** A repository that failed is left alone for so long, and then twice as long each time, up to the second. */
  walCircuitPauseMsFirst: 5 * second,
  walCircuitPauseMsMax: 5 * minute,
  walCatchUpParallel: 4,
  /** The pushing process waits for a repository that is behind for so long; a later push starts it again. */
  walCatchUpLingerMsMax: 1 * hour,
  /** With several repositories written at once: one that kept the others waiting for so long in all is dropped… */
  mirrorLagMsMax: 1 * minute,
  /** Who waits for one looks so often whether another thread has given it up. */
  mirrorLookMs: 1 * second,
  /** What it lacks is brought at the end if it answers within this time. */
  mirrorAnswerMsMax: 5 * second,
  /** …and what earlier backups left behind may be removed for so long before one writes without waiting for it. */
  mirrorSettleMsMax: 5 * minute,
  /** …and the WAL of a backup has so much longer to arrive in the others once the first one has it. */
  mirrorWalGraceMs: 1 * minute,
  /** A warning about a repository that is behind is told once in so long. */
  walBehindWarningMsMin: 5 * minute,

  /** What is locked, is locked for so long at least: by rules that promise no time, and as it is written. */
  lockMsMin: 1 * day,
  /** What an archive keeps for ever is locked for so long, and locked again when half of it is over. */
  lockEndlessMs: 30 * day,
  /** Locks that are extended at the same time. */
  lockParallel: 16,
  /** All WAL is looked at so often when locks are extended; between, only what came since the last backup. */
  lockAllEveryMs: 7 * day,

  /** Objects without a backup.json are left alone for so long. */
  sweepGraceMs: 1 * day,
  /** Backups that were copied whole, but whose WAL never arrived, are left alone for so long. */
  sweepAwaitingGraceMs: 7 * day,

  serverStartMsMax: 10 * minute,
  serverStopMsMax: 5 * minute,
  serverEndPollMs: 5,
  /** A recovering server whose log says nothing for so long stands still. Each segment replayed is a line there. */
  recoveryStallMsMax: 1 * hour,
  recoveryPollMs: 20,
  toolMsMax: 5 * minute,
  /** What works in scratch space that is thrown away has so long to end by itself, and is looked at so often. */
  scratchEndMsMax: 30 * second,
  scratchEndPollMs: 50,

  /** Runs of a job that are remembered. */
  jobHistoryMax: 50,
  /** The pause after a failure grows to this, unless the first is longer. */
  jobPauseMsMax: 1 * hour,
  /** After its limit of time, a job has so long to clean up. */
  jobCleanUpMsMax: 1 * minute,
  /** How often a job that another agent started is looked at. */
  jobPollMs: 500,
  /** The agent looks around this often, whatever it expects: clocks are set, and machines sleep. */
  agentNapMsMax: 30 * second,
  /** When it wakes so much later than it should, the machine slept. */
  agentLateMsMax: 1 * minute,
  /** What is said to the agent is one short line. */
  controlLineCharsMax: 4096,
  /** A slower rate would keep some of many workers waiting for longer than a silent storage is waited for. */
  rateBytesMin: 1 * MiB,
  /** So many bytes have their turn at once where a rate is limited. */
  ratePieceSizeBytes: 32 * KiB,
  /** Turns that nobody took are made up for when they are not older than this. */
  rateMadeUpMs: 100,
  /** Who waits for a turn looks this often whether the rate was changed; who runs under an agent, what it says. */
  rateLookMs: 500,
  /** Without a limit, what a job does is measured over so long. */
  rateMeasureMs: 10 * second,
  /** While a job moves data the server is looked at so often, and asked for no longer than this. */
  slowLookMs: 5 * second,
  strainMsMax: 3 * second,
  latenciesKept: 5,
  /** Where the server was at each look: of the last hour. */
  walMarksKept: 720,
  /** Halved at most so many times; the next step down, or up, comes after so long. */
  slowStepsMax: 4,
  slowStepMs: 15 * second,
  recoverStepMs: 1 * minute,
  /** Who asks the agent on the way to something else waits so long for its answer. */
  agentAnswerMsMax: 10 * second,
  servicePauseMsFirst: 5 * second,
  servicePauseMsMax: 5 * minute,
  serviceTrimMs: 1 * minute,
  /** The longest that a timer of Node can wait. */
  timerMsMax: 2 ** 31 - 1,

  /** What a program that makes snapshots may say: answers whole, errors by their end. */
  programOutputBytesMax: 16 * MiB,
  programErrorBytesMax: 16 * KiB,
  /** A volume that was just unmounted may be busy for a moment. */
  unmountTriesMax: 20,
  unmountPauseMs: 100,
  /** Without a configured limit of time: for one call of a program, or the wait for a snapshot that is on its way. */
  snapshotMsMax: 10 * minute,
  /** Small records of managed servers' snapshots, read at the same time. */
  managedReadParallel: 8,
  /** What a request to forget a person may run. */
  erasureSqlBytesMax: 1 * MiB,
  /** How long one statement of it may take: a table without an index is read from end to end. */
  erasureStatementMsMax: 1 * day,
  /** When it is tried on the live server: it does not wait for others there, and others do not wait long for it. */
  erasureCheckLockMsMax: 10 * second,
  /** Small records of such requests, read at the same time. */
  erasuresReadParallel: 8,
  /** The copy of a managed server's snapshot is begun and not waited for: one that takes longer is told of. */
  managedCopyMsMax: 1 * day,
  /** Between two looks at a snapshot that is still on its way. */
  snapshotPollMs: 2 * second,
} as const

assert(limits.leaseRenewMs * 3 <= limits.leaseTtlMs, 'a lease survives two missed renewals')
assert(
  limits.leaseGiveUpMs + limits.leaseRenewMs <= limits.leaseTtlMs,
  'a holder gives up before others take over',
)
assert(
  limits.readAheadPartSizeBytesMax <= limits.objectReadWholeSizeBytesMax,
  'a part that is read ahead is one request',
)
assert(limits.frameSizeBytesMax % (32 * KiB) === 0, 'a frame holds whole pages of every block size')
assert(
  (limits.workersMax * limits.readAheadPartsMax * limits.ratePieceSizeBytes) / limits.rateBytesMin <
    limits.sourceSilenceMsMax / second,
  'whoever waits for a turn at the slowest rate is not taken for silent',
)
