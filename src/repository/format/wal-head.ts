/**
 * What is told in the clear about a stored WAL file: enough to check, list, and find a time, without a key.
 *
 * It stands in the object itself, before the sealed bytes: in an age header as a stanza of the type
 * `holdfast.dev/wal`, which the `age` program passes over; in an unencrypted object as a zstd skippable frame,
 * which the `zstd` program passes over. docs/format.md is the law.
 */
export interface WalHead {
  readonly name: string
  /** Decimal; absent for history files, which do not name their cluster. */
  readonly systemIdentifier?: string | undefined
  readonly sizeBytes: number
  /** Of the raw bytes, hexadecimal: tells whether a second push brings the same file. */
  readonly sha256: string
  /** Earliest and latest time of a commit or abort record that begins in this segment; absent when there is none. */
  readonly commits?: { readonly count: number; readonly earliest: string; readonly latest: string } | undefined
}
