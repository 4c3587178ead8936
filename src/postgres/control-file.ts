/**
 * `global/pg_control`: what a cluster says about itself while no server runs.
 *
 * See src/include/catalog/pg_control.h. Its layout is that of a C struct; between 14 and 18 nothing moved but the
 * checksum at the end, and 17 put one field into a gap.
 */
import { crc32c } from '@node-rs/crc32'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, errnoOf, isFault, messageOf } from '../base/fault.ts'
import { assert } from '../base/assert.ts'
import { letOthersWork } from '../base/world.ts'
import type { Lsn } from '../wal/lsn.ts'

export interface ControlFile {
  /** Decimal. */
  readonly systemIdentifier: string
  readonly controlVersion: number
  readonly catalogVersion: number
  /** Undefined for a catalogue that no release of PostgreSQL had. */
  readonly major: number | undefined
  readonly state: ClusterState
  readonly modifiedMs: number
  readonly checkpointLsn: Lsn
  readonly checkpoint: Checkpoint
  /** Replay must reach this before the data is consistent; 0 when there is nothing to reach. */
  readonly minRecoveryLsn: Lsn
  readonly minRecoveryTimeline: number
  readonly backupStartLsn: Lsn
  readonly backupEndLsn: Lsn
  readonly backupEndRequired: boolean
  readonly walLevel: WalLevel
  readonly walLogHints: boolean
  readonly trackCommitTimestamp: boolean
  /** Settings that a hot standby needs at least as high, by their names in postgresql.conf. */
  readonly settings: Readonly<Record<string, number>>
  readonly blockSizeBytes: number
  readonly relationSegmentBlocks: number
  readonly walBlockSizeBytes: number
  readonly walSegmentSizeBytes: number
  readonly dataChecksums: boolean
}

export interface Checkpoint {
  /** Where replay from this checkpoint begins. */
  readonly redoLsn: Lsn
  readonly timeline: number
  readonly previousTimeline: number
  readonly fullPageWrites: boolean
  /** With the epoch in the upper 32 bits. */
  readonly nextTransactionId: bigint
  readonly timeMs: number
}

/** As pg_controldata prints them, in the order of their numbers. */
const states = [
  'starting up',
  'shut down',
  'shut down in recovery',
  'shutting down',
  'in crash recovery',
  'in archive recovery',
  'in production',
] as const
export type ClusterState = (typeof states)[number]

const walLevels = ['minimal', 'replica', 'logical'] as const
export type WalLevel = (typeof walLevels)[number]

/** By pg_control's own version: where the checksum stands. It covers everything before it. */
export const crcOffsets: Readonly<Record<number, number>> = { 1300: 288, 1700: 288, 1800: 292 }

/** The catalogue version of a release never changes after its first day. */
const majors: Readonly<Record<number, number>> = {
  202107181: 14,
  202209061: 15,
  202307071: 16,
  202406281: 17,
  202506291: 18,
}

/** Reads and checks the file; once more, a few times, when a running server was writing it. */
export async function readControlFile(
  dataDirectory: string,
): Promise<{ readonly bytes: Uint8Array; readonly control: ControlFile }> {
  for (let tries = 1; ; tries++) {
    const bytes = await readBytes(join(dataDirectory, 'global', 'pg_control'))
    try {
      return { bytes, control: parseControlFile(bytes) }
    } catch (error) {
      if (tries >= 20 || !isFault(error)) throw error
      await letOthersWork()
    }
  }
}

export function parseControlFile(bytes: Uint8Array): ControlFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  checkControlFile(view, bytes)
  const u32 = (offset: number): number => view.getUint32(offset, true)
  const u64 = (offset: number): bigint => view.getBigUint64(offset, true)
  const flag = (offset: number): boolean => view.getUint8(offset) !== 0
  return {
    systemIdentifier: String(u64(0)),
    controlVersion: u32(8),
    catalogVersion: u32(12),
    major: majors[u32(12)],
    state: states[u32(16)] ?? 'starting up',
    modifiedMs: Number(u64(24)) * 1000,
    checkpointLsn: u64(32),
    checkpoint: {
      redoLsn: u64(40),
      timeline: u32(48),
      previousTimeline: u32(52),
      fullPageWrites: flag(56),
      nextTransactionId: u64(64),
      timeMs: Number(u64(104)) * 1000,
    },
    minRecoveryLsn: u64(136),
    minRecoveryTimeline: u32(144),
    backupStartLsn: u64(152),
    backupEndLsn: u64(160),
    backupEndRequired: flag(168),
    walLevel: walLevels[u32(172)] ?? 'minimal',
    walLogHints: flag(176),
    settings: {
      max_connections: u32(180),
      max_worker_processes: u32(184),
      max_wal_senders: u32(188),
      max_prepared_transactions: u32(192),
      max_locks_per_transaction: u32(196),
    },
    trackCommitTimestamp: flag(200),
    blockSizeBytes: u32(216),
    relationSegmentBlocks: u32(220),
    walBlockSizeBytes: u32(224),
    walSegmentSizeBytes: u32(228),
    dataChecksums: u32(252) !== 0,
  }
}

/** Size, version, then checksum: a file of an unknown version has its checksum elsewhere. */
function checkControlFile(view: DataView, bytes: Uint8Array): void {
  if (bytes.length < 512) throw damaged(`it has ${String(bytes.length)} bytes`)
  const version = view.getUint32(8, true)
  const crcOffset = crcOffsets[version]
  if (crcOffset === undefined) {
    throw new Fault(
      'POSTGRES_UNSUPPORTED',
      `pg_control has version ${String(version)}, which is not one of PostgreSQL 14 to 18 on a little-endian machine`,
      {
        hint: 'Use a release of Holdfast that knows this version of PostgreSQL.',
      },
    )
  }
  assert(crcOffset < 512, 'the checksum lies within the smallest file')
  if (crc32c(bytes.subarray(0, crcOffset)) !== view.getUint32(crcOffset, true))
    throw damaged('its checksum is wrong')
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    const hint =
      errnoOf(error) === 'ENOENT'
        ? 'Name the data directory of a PostgreSQL cluster.'
        : 'Run as the user that owns the data directory (usually postgres).'
    throw new Fault('DATA_DIRECTORY', `${path} can not be read: ${messageOf(error)}`, { hint, cause: error })
  }
}

function damaged(why: string): Fault {
  return new Fault('DATA_DIRECTORY', `pg_control is damaged: ${why}`, {
    hint: 'Look for faults of the disk; the cluster can be brought back from a backup.',
  })
}
