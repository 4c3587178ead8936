/** `holdfast.json`, which says what a repository is, and `<cluster>/cluster.json`, which says whose WAL may enter. */
import { limits } from '../../base/limits.ts'
import { checked, count, encodeRecord, literal, object, parseRecord, type Parser } from './parse.ts'
import { clusterName, isPowerOfTwo, repositoryId, systemIdentifier, time } from './values.ts'

export interface RepositoryRecord {
  readonly format: 1
  readonly holdfast: 'repository'
  /** Random, so that two repositories can be told apart wherever they are mounted. */
  readonly id: string
  readonly createdAt: string
}

export interface ClusterRecord {
  readonly format: 1
  readonly cluster: string
  /** Decimal; a 64-bit number does not fit a JSON number. */
  readonly systemIdentifier: string
  readonly postgresMajor: number
  readonly walSegmentSizeBytes: number
  readonly createdAt: string
}

const repositoryRecord: Parser<RepositoryRecord> = object({
  format: literal(1),
  holdfast: literal('repository'),
  id: repositoryId,
  createdAt: time,
})

const clusterRecord: Parser<ClusterRecord> = checked(
  object({
    format: literal(1),
    cluster: clusterName,
    systemIdentifier,
    postgresMajor: count(1, 999),
    walSegmentSizeBytes: count(limits.walSegmentSizeBytesMin, limits.walSegmentSizeBytesMax),
    createdAt: time,
  }),
  ({ walSegmentSizeBytes }, fail) => {
    if (!isPowerOfTwo(walSegmentSizeBytes)) fail('walSegmentSizeBytes', 'a power of two')
  },
)

export const encodeRepositoryRecord = (record: RepositoryRecord): Uint8Array =>
  encodeRecord(record, repositoryRecord)
export const encodeClusterRecord = (record: ClusterRecord): Uint8Array => encodeRecord(record, clusterRecord)

export function parseRepositoryRecord(bytes: Uint8Array, what: string): RepositoryRecord {
  return parseRecord(bytes, what, repositoryRecord)
}

export function parseClusterRecord(bytes: Uint8Array, what: string): ClusterRecord {
  return parseRecord(bytes, what, clusterRecord)
}
