/** The kinds of values that stand in the repository's records, each with what it looks like. */
import { count, textLike } from './parse.ts'

/** A cluster's name is a folder in the repository. */
export const clusterName = textLike(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'a name (small letters, digits, - and _)')

/** `20260301T020000Z-full`: when it began, in UTC, and its kind. Ids sort by time and people can read them. */
export const backupIdPattern = /^\d{8}T\d{6}Z-(full|incremental|snapshot)$/
export const backupId = textLike(backupIdPattern, 'the id of a backup')

export const dumpIdPattern = /^\d{8}T\d{6}Z-dump$/
export const dumpId = textLike(dumpIdPattern, 'the id of a dump')

/** Of a snapshot that a managed server made of itself. */
export const managedIdPattern = /^\d{8}T\d{6}Z-managed$/
export const managedId = textLike(managedIdPattern, 'the id of a snapshot of a managed server')

export const drillIdPattern = /^\d{8}T\d{6}Z-drill$/
export const drillId = textLike(drillIdPattern, 'the id of a drill')

/** A 64-bit number does not fit a JSON number. */
export const systemIdentifier = textLike(/^[1-9]\d{0,19}$/, 'a system identifier')
export const timeline = count(1, 0xffff_ffff)
export const lsn = textLike(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/, 'an LSN')
export const walSegment = textLike(/^[0-9A-F]{24}$/, 'the name of a WAL segment')
/** ISO 8601, always UTC; PostgreSQL's own times have microseconds. */
export const time = textLike(/^\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(\.\d{1,6})?Z$/, 'a time in UTC')
export const sha256 = textLike(/^[0-9a-f]{64}$/, 'a SHA-256 in hexadecimal')
export const repositoryId = textLike(/^[0-9a-f]{32}$/, '32 hexadecimal digits')
/** Stays inside the directory that it is relative to, whoever wrote it. */
export const relativePath = textLike(/^(?!\/)(?!(.*\/)?\.{1,2}(\/|$))[^\0]+(?<!\/)$/s, 'a relative path')

export function isPowerOfTwo(n: number): boolean {
  return n > 0 && Number.isInteger(Math.log2(n))
}
