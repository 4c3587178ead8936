/** The bounds of `status`: how long it looks, and from where on it tells. Part of limits.ts. */
import { MiB, day, hour, minute, second } from './units.ts'

export const statusLimits = {
  /** `status` waits so long for one repository. */
  statusMsMax: 30 * second,
  /** And so long, within that, for who made the snapshots: a cloud that is down says nothing against the repository. */
  statusSnapshotsMsMax: 15 * second,
  /** A repository that is so far behind the one that leads is worth a warning, and then an alarm. */
  statusLagWarningMs: 15 * minute,
  /** WAL that a repository is owed for longer is a finding: one that is only slower has it sooner. */
  statusOwedMsMax: 1 * minute,
  statusLagCriticalMs: 1 * day,
  /** Where WAL tells no times, so many files count instead. */
  statusLagWarningFiles: 64,
  /** Without a stated objective: a newest backup so old is worth a warning, and then an alarm. */
  statusBackupAgeWarningMs: 8 * day,
  statusBackupAgeCriticalMs: 35 * day,
  /** WAL without a commit says nothing of time: so many of the newest are looked at. */
  statusWalHeadsMax: 32,
  /** And so long for the server, its log and its disk. */
  statusServerMsMax: 20 * second,
  /** The first commit that is not durable is looked for in so much of the server's own WAL. */
  statusOwnWalBytesMax: 256 * MiB,
  /** Archiving that fails is a warning for so long: it may be a passing trouble. */
  statusArchiverGraceMs: 5 * minute,
  /** The disk of pg_wal is full so soon: an alarm, or worth a warning. */
  statusDiskFullCriticalMs: 1 * hour,
  statusDiskFullWarningMs: 1 * day,
  /** A rate that was measured over less tells nothing. */
  statusRateMsMin: 10 * second,
  /** A job is late when it is not done so long after it was due, and twice its usual time. */
  statusLateMs: 1 * hour,
  /** Sizes are usual within this factor of the median of those before; of how many, and what is too little to tell of. */
  statusSizeFactorMax: 2,
  statusSizeBasisMin: 3,
  statusSizeBasisMax: 10,
  statusSizeBytesMin: 64 * MiB,
  /** Clocks may differ by so much. */
  statusClockSkewMsMax: 5 * second,
  /** `status` waits so long for a server to show its certificate. */
  statusCertificateMsMax: 5 * second,
  /** And so long for that and for what gives the credentials, of one repository. */
  statusEndingsMsMax: 10 * second,
  /** A certificate, or credentials that were made to last, end so soon: worth a warning, or an alarm. */
  statusEndWarningMs: 21 * day,
  statusEndCriticalMs: 3 * day,
  /** Credentials of a session are worth a warning so long before their end. */
  statusSessionEndWarningMs: 1 * hour,
  /** A slot that nobody reads may hold so many segments. */
  statusSlotSegmentsMax: 16,
} as const
