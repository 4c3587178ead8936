/** What a repair found and did: what `--json` prints. */
import type { Fault } from '../../base/fault.ts'
import type { CommitRecord } from '../../repository/commit-record.ts'
import type { StoredStream } from '../../repository/stored-stream.ts'

export interface RepairReport {
  readonly repository: string
  readonly isDryRun: boolean
  readonly checked: CheckedTotals
  /** In a dry run: what could be mended. */
  readonly mended: readonly Mended[]
  /** What is wrong and stays so. */
  readonly unrepaired: readonly Unrepaired[]
  readonly durationMs: number
}

export interface CheckedTotals {
  readonly backups: number
  readonly dumps: number
  readonly objects: number
  readonly bytes: number
  /** WAL files that nobody could judge for want of a key. */
  readonly unjudged: number
  /** Objects in a cold storage class: they are there, and were not read. */
  readonly cold: number
}

export interface Mended {
  readonly object: string
  readonly found: 'missing' | 'damaged'
  readonly message: string
  /** The repository that the right bytes came from. */
  readonly from: string
}

export interface Unrepaired {
  readonly object: string
  readonly message: string
  readonly hint: string
}

/** An object that is not what it has to be. */
export type Damage = ObjectDamage | RecordDamage | WalDamage

interface AnyDamage {
  readonly key: string
  readonly found: 'missing' | 'damaged'
  readonly message: string
}

/** An object of a backup or dump: its record says what it has to be. */
export interface ObjectDamage extends AnyDamage {
  readonly kind: 'object'
  readonly record: CommitRecord
  readonly expected: StoredStream
}

/** A `backup.json` or `dump.json` that can not be read. */
export interface RecordDamage extends AnyDamage {
  readonly kind: 'record'
  readonly id: string
}

export interface WalDamage extends AnyDamage {
  readonly kind: 'wal'
  readonly name: string
  /** Of the raw bytes, where the head could still be read. */
  readonly sha256: string | undefined
}

export function unrepaired(
  { key, message }: Damage,
  why: Pick<Fault, 'message' | 'hint'> | undefined,
): Unrepaired {
  if (!why) return { object: key, message, hint: noSourceHint }
  return { object: key, message: `${message}; ${why.message}`, hint: why.hint }
}

const noSourceHint =
  'No other repository has it whole. Make a new backup or dump, so that what depends on this is not needed any more.'
