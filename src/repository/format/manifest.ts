/**
 * The manifest of a backup: which file lies where, with what checksum.
 *
 * Stored as `manifest.json.zst[.age]`: one JSON document whose files stand one to a line, so that it can be
 * written and read as a stream, whatever the number of files. Files of one pack stand together, in the order of
 * their offsets.
 */
export interface ManifestFile {
  /** Relative to the data directory, `/` between parts; tablespaces as `pg_tblspc/<oid>/…`. */
  readonly path: string
  readonly sizeBytes: number
  /** Milliseconds since 1970. */
  readonly modifiedMs: number
  /** Permission bits, for example 0o600. */
  readonly mode: number
  /** CRC-32C of the file's bytes as stored. */
  readonly crc32c: number
  /** Number of the pack, counted from 1: it is `data/<five digits>.tar.zst[.age]`. */
  readonly pack: number
  /** Where the file's bytes (not its tar header) begin in the pack's raw tar stream. */
  readonly offsetBytes: number
}

/** A directory of the backup; all of them are told, also the empty ones. Parents stand before their children. */
export interface ManifestDirectory {
  /** Relative to the data directory. */
  readonly path: string
  readonly mode: number
}

/** What stands before the files. */
export interface ManifestHead {
  /** The id of the backup. */
  readonly backup: string
  readonly directories: readonly ManifestDirectory[]
}
