import { expect, test } from 'vitest'
import { WalWriter } from '../../../test/fakes/wal-writer.ts'
import { isFault, type FaultCode } from '../../base/fault.ts'
import { checkSegmentHeader } from './segment-header.ts'

const cluster = { systemIdentifier: '7481', walSegmentSizeBytes: 1 << 20 }
const name = '000000020000000000000003'

function segment(change: (bytes: Buffer) => void = () => undefined): Buffer {
  const wal = new WalWriter({ timeline: 2, segmentSizeBytes: 1 << 20, startLsn: 3n << 20n })
  wal.filler(100)
  const [bytes = Buffer.alloc(0)] = wal.segments.values()
  change(bytes)
  return bytes
}

test('a segment that is what its name says is accepted, as is its partial file', () => {
  const bytes = segment()
  expect(checkSegmentHeader(bytes, bytes.length, name, cluster)).toMatchObject({
    timeline: 2,
    postgresMajor: 15,
  })
  expect(checkSegmentHeader(bytes.subarray(0, 40), 1 << 20, `${name}.partial`, cluster)).toBeDefined()
})

test('the first pages of the segment in which a timeline began are still of its parent', () => {
  const bytes = segment(each => each.writeUInt32LE(1, 4))
  expect(checkSegmentHeader(bytes, bytes.length, name, cluster).timeline).toBe(1)
})

const wrong: readonly (readonly [string, FaultCode, RegExp, (bytes: Buffer) => void])[] = [
  [
    'of another cluster',
    'CLUSTER_MISMATCH',
    /system identifier 9999; the repository is for 7481/,
    b => b.writeBigUInt64LE(9999n, 24),
  ],
  [
    'of a later timeline',
    'WAL_INVALID',
    /timeline 3, LSN 0\/300000, not of timeline 2/,
    b => b.writeUInt32LE(3, 4),
  ],
  [
    'of another place in the log',
    'WAL_INVALID',
    /LSN 0\/700000, not of timeline 2, LSN 0\/300000/,
    b => b.writeBigUInt64LE(7n << 20n, 8),
  ],
  [
    'of another segment size',
    'WAL_INVALID',
    /says 2097152, the cluster's have 1048576/,
    b => b.writeUInt32LE(2 << 20, 32),
  ],
  ['of an impossible segment size', 'WAL_INVALID', /not a WAL segment/, b => b.writeUInt32LE(3 << 20, 32)],
  ['of an impossible page size', 'WAL_INVALID', /not a WAL segment/, b => b.writeUInt32LE(100, 36)],
  ['of an unknown version', 'WAL_INVALID', /begins with 0xD07E/, b => b.writeUInt16LE(0xd07e, 0)],
  ['without the long header', 'WAL_INVALID', /not a WAL segment/, b => b.writeUInt16LE(0, 2)],
  ['of zeros', 'WAL_INVALID', /begins with 0x0000/, b => b.fill(0)],
]

test.each(wrong)('a segment %s is refused', (_, code, text, change) => {
  const bytes = segment(change)
  expect(() => checkSegmentHeader(bytes, bytes.length, name, cluster)).toThrow(
    expect.toSatisfy(
      (error: unknown) => isFault(error, code) && text.test(error.message) && error.hint !== '',
    ),
  )
})

test('a segment that was cut off is refused', () => {
  const bytes = segment()
  for (const sizeBytes of [0, 39, 40, 8192, bytes.length - 1]) {
    expect(() => checkSegmentHeader(bytes.subarray(0, sizeBytes), sizeBytes, name, cluster)).toThrow(
      /not a WAL|wrong size/,
    )
  }
})
