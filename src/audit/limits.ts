/** The bounds of audit trails. */
import { KiB, MiB, minute, second } from '../base/units.ts'

export const auditLimits = {
  /** Files of a trail: at this size the next one is begun. */
  fileBytesMax: 16 * MiB,
  /** So much of the end of such a file is read to go on with it; an entry is far smaller. */
  endBytes: 256 * KiB,
  /** Of a half written line, so much is kept as evidence. */
  tornCharsMax: 1000,
  /** Of an entry: what is longer is cut. */
  idsMax: 256,
  wordsMax: 64,
  textCharsMax: 1000,
  /** Processes that write at the same time wait for one another, up to so long. */
  turnMsMax: 20 * second,
  turnPauseMsMax: 20,
  /** So much is copied in one object. */
  batchCharsMax: 4 * MiB,
  /** At the end of an operation, repositories have so long to take what it entered; who takes longer gets it later. */
  sendMsMax: 10 * second,
  /** The agent looks so often whether a repository lacks entries; more seldom while it can not be reached. */
  owedPauseMsFirst: 1 * minute,
  owedPauseMsMax: 30 * minute,
  /** Of what runs for every WAL segment, one failure is entered in so long; the others are counted. */
  segmentFailureMs: 1 * minute,
} as const
