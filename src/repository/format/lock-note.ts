/**
 * `<cluster>/locks/<number>.json`: what was locked until when, so that the next run asks only for what is due. A note of
 * what was done, not the lock itself: that is the storage's. Losing it costs a run that locks everything once more.
 */
import {
  array,
  checked,
  count,
  encodeRecord,
  literal,
  nullable,
  object,
  optional,
  parseRecord,
  text,
  type Parser,
} from './parse.ts'
import { backupId, clusterName, dumpId, time, walSegment } from './values.ts'

export interface LockNote {
  readonly format: 1
  readonly cluster: string
  /** The one in its key. */
  readonly number: number
  readonly mode: 'governance' | 'compliance'
  /** When all WAL was last looked at, by the clock of who did. */
  readonly allSeenAt: string
  /** The first segment that may have to be locked longer soon; the next run begins to list there. */
  readonly openFrom: string | null
  readonly backups: readonly { readonly id: string; readonly until: string }[]
  /** As of backups. A note that was written before dumps were locked has none. */
  readonly dumps?: LockNote['backups'] | undefined
  /** In ascending order; both ends belong to it, and the `.partial` and `.backup` files of its segments. */
  readonly wal: readonly LockedWal[]
  /**
   * What all backups need: holdfast.json, cluster.json, the history files, and the requests to forget a person with what came of
   * them, by their keys in `erasures/`. A note that was written before these were locked has none.
   */
  readonly shared: {
    readonly until: string | null
    readonly histories: readonly string[]
    readonly erasures?: readonly string[] | undefined
  }
}

export interface LockedWal {
  readonly first: string
  readonly last: string
  readonly until: string
  /** By the storage's clock: of files that were written later, the note says nothing. */
  readonly writtenBefore: string
}

const fields: Parser<LockNote> = object({
  format: literal(1),
  cluster: clusterName,
  number: count(1, 99_999_999),
  mode: literal('governance', 'compliance'),
  allSeenAt: time,
  openFrom: nullable(walSegment),
  backups: array(object({ id: backupId, until: time })),
  dumps: optional(array(object({ id: dumpId, until: time }))),
  wal: array(object({ first: walSegment, last: walSegment, until: time, writtenBefore: time })),
  shared: object({ until: nullable(time), histories: array(text), erasures: optional(array(text)) }),
})

const lockNote: Parser<LockNote> = checked(fields, ({ wal }, fail) => {
  for (const [i, { first, last }] of wal.entries()) {
    const before = wal[i - 1]
    if (last < first || first.slice(0, 8) !== last.slice(0, 8) || (before && before.last >= first))
      fail(`wal[${String(i)}]`, 'a range behind the one before it')
  }
})

export const encodeLockNote = (note: LockNote): Uint8Array => encodeRecord(note, lockNote)

export function parseLockNote(bytes: Uint8Array, what: string): LockNote {
  return parseRecord(bytes, what, lockNote)
}
