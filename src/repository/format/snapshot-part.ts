/** The part of `backup.json` that says where the files of a snapshot are: in volumes outside of the repository. */
import { array, checked, count, map, nullable, object, text, textLike, type Parser } from './parse.ts'

export interface SnapshotRecord {
  /** What made it, and is asked for it: `btrfs`, `aws-ebs`. */
  readonly provider: string
  readonly volumes: readonly SnapshotVolumeRecord[]
}

export interface SnapshotVolumeRecord {
  /** `data`, `wal`, `ts16500`: what it holds first. */
  readonly name: string
  /** The provider's name of the snapshot: all that it needs to find it. */
  readonly reference: string
  /** The provider's name of the volume that it was taken of. */
  readonly source: string
  /** Where that was mounted. */
  readonly mountPath: string
  readonly fileSystem: string
  /** As the provider told; null when it did not. */
  readonly sizeBytes: number | null
  readonly trees: readonly SnapshotTreeRecord[]
  readonly details: Readonly<Record<string, string>>
  /** In other regions. */
  readonly copies: readonly SnapshotCopyRecord[]
}

export interface SnapshotTreeRecord {
  /** `data`, `wal`, or the oid of a tablespace. */
  readonly holds: 'data' | 'wal' | `${number}`
  /** Absolute, on the host, as it was. */
  readonly path: string
  /** Relative to the root of the volume; empty: the root itself. */
  readonly inside: string
}

export interface SnapshotCopyRecord {
  readonly region: string
  readonly reference: string
  readonly details: Readonly<Record<string, string>>
}

const holds: Parser<SnapshotTreeRecord['holds']> = (value, path) => {
  const read = textLike(/^(data|wal|[1-9]\d{0,9})$/, 'what of a cluster a folder holds')(value, path)
  return read as SnapshotTreeRecord['holds']
}

/** Stays inside the volume, whoever wrote it. */
const inside = textLike(/^(?!\/)(?!(.*\/)?\.{1,2}(\/|$))[^\0]*(?<!\/)$/s, 'a relative path')
const absolute = textLike(/^\/[^\0]*$/s, 'an absolute path')
const reference = textLike(/^[^\0-\x1f]+$/s, "a snapshot's name")

const volume: Parser<SnapshotVolumeRecord> = object({
  name: textLike(/^[a-z0-9-]{1,40}$/, "a volume's name"),
  reference,
  source: text,
  mountPath: absolute,
  fileSystem: text,
  sizeBytes: nullable(count()),
  trees: array(object({ holds, path: absolute, inside })),
  details: map(text),
  copies: array(object({ region: text, reference, details: map(text) })),
})

const fields: Parser<SnapshotRecord> = object({
  provider: textLike(/^[a-z][a-z0-9-]{0,30}$/, "a provider's name"),
  volumes: array(volume),
})

export const snapshotPart: Parser<SnapshotRecord> = checked(fields, ({ volumes }, fail) => {
  if (new Set(volumes.map(({ name }) => name)).size !== volumes.length)
    fail('volumes', 'a list of different volumes')
  const held = volumes.flatMap(({ trees }) => trees.map(tree => tree.holds))
  if (held.filter(one => one === 'data').length !== 1) fail('volumes', 'a list with one data directory')
  if (new Set(held).size !== held.length) fail('volumes', 'a list in which each folder stands once')
})
