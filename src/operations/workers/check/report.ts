/** What the check of packs found. */
import type { CorruptPages } from '../../../repository/format/backup-record.ts'

export interface CheckReport {
  readonly packs: number
  readonly files: number
  readonly bytes: number
  readonly pagesChecked: number
  /** Pages that fail their checksum although they are stored as they were read: they were corrupt at the source. */
  readonly corrupt: readonly CorruptPages[]
  readonly damage: readonly Damage[]
}

export interface Damage {
  /** The stored object, relative to the backup's folder. */
  readonly object: string
  /** The file that can not be restored from it; undefined when the damage is not within a file. */
  readonly path?: string
  readonly message: string
}

export const emptyCheckReport: CheckReport = {
  packs: 0,
  files: 0,
  bytes: 0,
  pagesChecked: 0,
  corrupt: [],
  damage: [],
}

export function addCheckReports(a: CheckReport, b: CheckReport): CheckReport {
  return {
    packs: a.packs + b.packs,
    files: a.files + b.files,
    bytes: a.bytes + b.bytes,
    pagesChecked: a.pagesChecked + b.pagesChecked,
    corrupt: [...a.corrupt, ...b.corrupt],
    damage: [...a.damage, ...b.damage],
  }
}
