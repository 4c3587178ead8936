/**
 * `repair`: heals one repository from others. Reads all of it, finds what is damaged or missing, proves the right bytes elsewhere,
 * and only then removes the wrong ones and writes these. What is right is never touched.
 */
import { Fault, isFault } from '../../base/fault.ts'
import type { Log } from '../../base/log.ts'
import type { Progress } from '../../base/progress.ts'
import type { World } from '../../base/world.ts'
import { acquireLease, leaseOwner, type Lease } from '../../repository/lease.ts'
import { backupShelf, dumpShelf, shelfOf, type Shelf } from '../../repository/shelf.ts'
import type { CopySide } from '../copy/sides.ts'
import { findDamage, type Found, type JudgeWal, type RepairScope } from './find-damage.ts'
import { findReplacement, mend, type MendDeps } from './mend.ts'
import { isCopyOf } from './replacement.ts'
import { unrepaired, type Damage, type Mended, type RepairReport, type Unrepaired } from './report.ts'

export interface RepairDeps {
  readonly world: World
  readonly progress: Progress
  readonly log: Log
  readonly target: CopySide
  /** Where right bytes may be taken from, the preferred one first. */
  readonly sources: () => AsyncIterable<CopySide>
}

export async function repair(
  deps: RepairDeps,
  { dryRun, ...scope }: RepairScope & { readonly dryRun: boolean },
  signal: AbortSignal,
): Promise<RepairReport> {
  const { world, target, log } = deps
  const startedMs = world.clock.monotonicMs()
  const found = await findDamage({ ...deps, judge: judgeBy(deps) }, scope, signal)
  const outcome = dryRun ? await judgeAll(deps, found, signal) : await mendAll(deps, found, signal)
  const report: RepairReport = {
    repository: target.name,
    isDryRun: dryRun,
    checked: found.checked,
    ...outcome,
    durationMs: world.clock.monotonicMs() - startedMs,
  }
  const { mended, unrepaired: left } = report
  log.info('repair.finished', { repository: target.name, mended: mended.length, unrepaired: left.length })
  return report
}

interface Outcome {
  readonly mended: readonly Mended[]
  readonly unrepaired: readonly Unrepaired[]
}

async function mendAll(deps: RepairDeps, found: Found, signal: AbortSignal): Promise<Outcome> {
  if (found.damages.length === 0) return { mended: [], unrepaired: [] }
  const { target, world, progress } = deps
  const owner = await leaseOwner(`repair of ${target.name}`)
  const isHurt = (shelf: Shelf): boolean => found.damages.some(damage => shelfHit(damage) === shelf)
  const lease = (shelf: Shelf): Promise<Lease> =>
    acquireLease(target.repository, shelf.lease, owner, world, signal)
  // Nobody sweeps, expires or commits here meanwhile.
  await using ofBackups = isHurt(backupShelf) ? await lease(backupShelf) : undefined
  await using ofDumps = isHurt(dumpShelf) ? await lease(dumpShelf) : undefined
  const held = AbortSignal.any([signal, ofBackups?.lost ?? signal, ofDumps?.lost ?? signal])
  progress.phase('repairing')
  return await forEachDamage(deps, found, held, (damage, replacement) =>
    mend(deps, damage, replacement, held),
  )
}

/** WAL goes with the backups. */
function shelfHit(damage: Damage): Shelf {
  if (damage.kind === 'wal') return backupShelf
  return shelfOf(damage.kind === 'record' ? damage.id : damage.record.id)
}

function judgeAll(deps: RepairDeps, found: Found, signal: AbortSignal): Promise<Outcome> {
  return forEachDamage(deps, found, signal, () => Promise.resolve(undefined))
}

type FoundReplacement = Exclude<Awaited<ReturnType<typeof findReplacement>>, Fault | undefined>

/** One after the other: few objects are damaged at a time, and each is proven with whatever its source takes. */
async function forEachDamage(
  deps: MendDeps,
  { damages }: Found,
  signal: AbortSignal,
  act: (damage: Damage, replacement: FoundReplacement) => Promise<Fault | undefined>,
): Promise<Outcome> {
  const mended: Mended[] = []
  const left: Unrepaired[] = []
  for (const damage of recordsLast(damages)) {
    const replacement = await findReplacement(deps, damage, signal)
    const failure =
      replacement === undefined || replacement instanceof Fault ? replacement : await act(damage, replacement)
    if (replacement === undefined || replacement instanceof Fault || failure) {
      left.push(unrepaired(damage, failure))
      continue
    }
    const { key: object, found, message } = damage
    mended.push({ object, found, message, from: replacement.side.name })
  }
  return { mended, unrepaired: left }
}

/** A record can be told to be right only by the objects beside it. */
function recordsLast(damages: readonly Damage[]): readonly Damage[] {
  return [
    ...damages.filter(({ kind }) => kind !== 'record'),
    ...damages.filter(({ kind }) => kind === 'record'),
  ]
}

function judgeBy({ target, sources }: RepairDeps): JudgeWal {
  return async (file, _proof, signal) => {
    for await (const side of sources()) {
      try {
        if (await isCopyOf(target, side, file, signal)) return 'right'
      } catch (error) {
        if (!isFault(error)) throw error
        signal.throwIfAborted()
      }
    }
    return 'unknown'
  }
}
