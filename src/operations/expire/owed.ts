/**
 * What other repositories are still to receive from this one: it stays until they have it, as far as their own retention
 * would keep it. One that can not be asked is taken for empty.
 */
import { isFault } from '../../base/fault.ts'
import { planDrills, type DrillFacts } from '../../policy/drill-retention.ts'
import type { KeepReason } from '../../policy/keep-rules.ts'
import { planDumps, type DumpFacts } from '../../policy/dump-retention.ts'
import type { RetentionRules } from '../../policy/retention.ts'
import type { BackupSummary } from '../../repository/format/backup-summary.ts'
import { scanDrills } from '../../repository/drill-catalog.ts'
import { scanDumps } from '../../repository/dump-catalog.ts'
import type { Repository } from '../../repository/repository.ts'
import { nothingHeld, readHeld, type Held } from '../copy/holdings.ts'
import { unwantedOf } from '../copy/retention.ts'

export interface Receiver {
  readonly name: string
  readonly rules: RetentionRules
  readonly open: () => Promise<Repository>
}

export interface Owed {
  readonly reasons: ReadonlyMap<string, readonly KeepReason[]>
  /** Why this WAL file has to stay, as a clause without a subject. */
  readonly ofWal: (name: string) => string | undefined
  /** Those that could not be asked, with the reason. */
  readonly unasked: readonly { readonly name: string; readonly message: string }[]
}

/** What a copy could bring. */
export interface Copyable {
  readonly backups: readonly BackupSummary[]
  readonly dumps: readonly DumpFacts[]
  readonly drills: readonly DrillFacts[]
}

export async function owedTo(
  receivers: readonly Receiver[],
  { backups, dumps, drills }: Copyable,
  nowMs: number,
  signal: AbortSignal,
): Promise<Owed> {
  const reasons = new Map<string, KeepReason[]>()
  const ofWal: ((name: string) => string | undefined)[] = []
  const unasked: { name: string; message: string }[] = []
  for (const { name, rules, open } of receivers) {
    const { held, trouble } = await heldBy(open, signal)
    if (trouble !== undefined) unasked.push({ name, message: trouble })
    const { unwanted, isWalUnwanted } = unwantedOf({ backups }, rules, nowMs)
    const text =
      trouble === undefined
        ? `"${name}" is still to receive it`
        : `"${name}" may still have to receive it, and can not be asked`
    const wantedDumps = planDumps(dumps, rules, nowMs).filter(({ reasons: own }) => own.length > 0)
    const wantedDrills = planDrills(drills, rules, nowMs).filter(({ reasons: own }) => own.length > 0)
    const wanted = [
      ...backups.filter(({ id }) => unwanted?.has(id) !== true).map(({ id }) => id),
      ...wantedDumps.map(({ dump }) => dump.id),
      ...wantedDrills.map(({ drill }) => drill.id),
    ]
    for (const id of wanted)
      if (!held.ids.has(id))
        reasons.set(id, [
          ...(reasons.get(id) ?? []),
          { rule: 'owed', text, untilMs: undefined, isSure: false },
        ])
    ofWal.push(wal => (held.wal.has(wal) || isWalUnwanted?.(wal) === true ? undefined : text))
  }
  return {
    reasons,
    ofWal: name => {
      for (const ask of ofWal) {
        const reason = ask(name)
        if (reason !== undefined) return reason
      }
      return undefined
    },
    unasked,
  }
}

async function heldBy(
  open: Receiver['open'],
  signal: AbortSignal,
): Promise<{ readonly held: Held; readonly trouble: string | undefined }> {
  try {
    const repository = await open()
    const held = await readHeld(repository, { isQuick: false }, signal)
    const { dumps } = await scanDumps(repository, signal)
    const { drills } = await scanDrills(repository, signal)
    const ids = new Set([...held.ids, ...[...dumps, ...drills].map(({ id }) => id)])
    return { held: { ...held, ids }, trouble: undefined }
  } catch (error) {
    signal.throwIfAborted()
    if (!isFault(error)) throw error
    // One that was never filled has everything still to receive.
    const isEmpty = error.code === 'REPOSITORY_MISSING'
    return { held: nothingHeld, trouble: isEmpty ? undefined : error.message }
  }
}
