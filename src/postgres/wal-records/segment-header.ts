/**
 * Is this file the WAL segment that its name says, and of this cluster? Asked before a segment is stored and again
 * before one is given back to PostgreSQL: two clusters that share an archive by mistake are found here.
 */
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { formatBytes } from '../../base/units.ts'
import type { ClusterOfWal } from '../../wal/cluster.ts'
import { parseSegmentName, segmentStartLsn } from '../../wal/segment.ts'
import { formatLsn } from '../../wal/lsn.ts'
import { decodeLongPageHeader, describePage, longPageHeaderSizeBytes, type LongPageHeader } from './page.ts'
import { otherClusterHint } from '../../wal/other-cluster.ts'

/**
 * CLUSTER_MISMATCH for another cluster's segment, WAL_INVALID for a file that is not what its name says. Only the
 * first 24 digits of the name matter, so `.partial` files can be asked about, too.
 */
export function checkSegmentHeader(
  start: Uint8Array,
  sizeBytes: number,
  name: string,
  { systemIdentifier, walSegmentSizeBytes: segmentSizeBytes }: ClusterOfWal,
): LongPageHeader {
  const header = readSegmentHeader(start, name)
  if (header.systemIdentifier !== systemIdentifier)
    throw otherCluster(name, header.systemIdentifier, systemIdentifier)
  if (header.segmentSizeBytes !== segmentSizeBytes || sizeBytes !== segmentSizeBytes) {
    throw wrongSize(name, header.segmentSizeBytes, sizeBytes, segmentSizeBytes)
  }
  const position = parseSegmentName(name, segmentSizeBytes)
  const startLsn = segmentStartLsn(position, segmentSizeBytes)
  if (header.lsn !== startLsn || header.timeline > position.timeline) {
    const says = `timeline ${String(position.timeline)}, LSN ${formatLsn(startLsn)}`
    throw new Fault(
      'WAL_INVALID',
      `WAL segment ${name} begins with a page of ${describePage(header)}, not of ${says}`,
      {
        hint: 'Check what put the file there: it is a recycled or a renamed segment, and PostgreSQL would not replay it.',
      },
    )
  }
  return header
}

/** The header as it is, when it is one. */
export function readSegmentHeader(start: Uint8Array, name: string): LongPageHeader {
  const header = decodeLongPageHeader(new DataView(start.buffer, start.byteOffset, start.byteLength))
  const sound =
    header !== undefined &&
    isPowerOfTwo(header.segmentSizeBytes, limits.walSegmentSizeBytesMin, limits.walSegmentSizeBytesMax) &&
    isPowerOfTwo(header.pageSizeBytes, limits.walPageSizeBytesMin, limits.walPageSizeBytesMax)
  if (sound) return header
  const first = Buffer.from(start.subarray(0, 2)).reverse().toString('hex').toUpperCase()
  const found =
    start.length < longPageHeaderSizeBytes
      ? `it has only ${formatBytes(start.length)}`
      : `it begins with 0x${first}`
  throw new Fault('WAL_INVALID', `${name} is not a WAL segment of PostgreSQL 14 to 18: ${found}`, {
    hint: 'Check the disk that holds pg_wal, and that archive_command passes %p unchanged.',
  })
}

function otherCluster(name: string, found: string, expected: string): Fault {
  return new Fault(
    'CLUSTER_MISMATCH',
    `WAL segment ${name} is of the cluster with system identifier ${found}; the repository is for ${expected}`,
    {
      hint: otherClusterHint,
    },
  )
}

function wrongSize(name: string, saysBytes: number, hasBytes: number, expectedBytes: number): Fault {
  const sizes = `it has ${String(hasBytes)} bytes and says ${String(saysBytes)}, the cluster's have ${String(expectedBytes)}`
  return new Fault('WAL_INVALID', `WAL segment ${name} has a wrong size: ${sizes}`, {
    hint: 'Check that the file was not cut off, and that the cluster was not made anew with another wal_segment_size.',
  })
}

function isPowerOfTwo(value: number, min: number, max: number): boolean {
  return value >= min && value <= max && (value & (value - 1)) === 0
}
