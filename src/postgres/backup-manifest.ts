/**
 * PostgreSQL's own `backup_manifest`, which pg_verifybackup and pg_combinebackup read.
 *
 * The text is made in pieces, in the order head, files, tail, so that it never stands in memory whole.
 * See the PostgreSQL manual, "Backup Manifest Format", and src/backend/backup/backup_manifest.c.
 */
import { createHash } from 'node:crypto'
import { formatLsn, type Lsn } from '../wal/lsn.ts'

export interface BackupManifestFile {
  /** Relative to the data directory. */
  readonly path: string
  readonly sizeBytes: number
  /** Milliseconds since 1970. */
  readonly modifiedMs: number
  readonly crc32c: number
}

/** The WAL that the backup needs to become consistent. */
export interface WalRange {
  readonly timeline: number
  readonly startLsn: Lsn
  readonly endLsn: Lsn
}

export interface BackupManifestText {
  head(): string
  file(file: BackupManifestFile): string
  tail(ranges: readonly WalRange[]): string
}

/** PostgreSQL 17 and newer write version 2, which names the system; older ones read version 1 only. */
export function createBackupManifest(server: {
  readonly major: number
  readonly systemIdentifier: string
}): BackupManifestText {
  const digest = createHash('sha256')
  const hashed = (text: string): string => {
    digest.update(text)
    return text
  }
  let files = 0
  return {
    head: () =>
      hashed(
        server.major >= 17
          ? `{ "PostgreSQL-Backup-Manifest-Version": 2,\n"System-Identifier": ${server.systemIdentifier},\n"Files": [`
          : '{ "PostgreSQL-Backup-Manifest-Version": 1,\n"Files": [',
      ),
    file: file => hashed(`${files++ === 0 ? '' : ','}\n${fileLine(file)}`),
    tail(ranges) {
      const walRanges = hashed(`\n],\n"WAL-Ranges": [\n${ranges.map(rangeLine).join(',\n')}\n],\n`)
      // The checksum is always SHA-256, and covers every line but the one that it stands in.
      return `${walRanges}"Manifest-Checksum": "${digest.digest('hex')}"}\n`
    },
  }
}

function fileLine({ path, sizeBytes, modifiedMs, crc32c }: BackupManifestFile): string {
  const modified = new Date(modifiedMs).toISOString().slice(0, 19).replace('T', ' ')
  return `{ "Path": ${JSON.stringify(path)}, "Size": ${String(sizeBytes)}, "Last-Modified": "${modified} GMT", "Checksum-Algorithm": "CRC32C", "Checksum": "${crcHex(crc32c)}" }`
}

/** PostgreSQL prints the four bytes as they lie in memory: little endian. */
function crcHex(crc32c: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(crc32c >>> 0)
  return bytes.toString('hex')
}

const rangeLine = ({ timeline, startLsn, endLsn }: WalRange): string =>
  `{ "Timeline": ${String(timeline)}, "Start-LSN": "${formatLsn(startLsn)}", "End-LSN": "${formatLsn(endLsn)}" }`
