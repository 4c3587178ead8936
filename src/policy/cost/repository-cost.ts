/** What a repository costs a month, kind by kind, and what would cost less. Decides only. */
import { formatDuration } from '../../base/units.ts'
import {
  bytesPerGb,
  cheapestClass,
  costOfKind,
  withRestores,
  type CostKind,
  type KindCost,
  type StoredKind,
} from './monthly-cost.ts'
import type { RegionPrices } from './prices.ts'

export interface CostQuestion {
  readonly kinds: readonly StoredKind[]
  readonly classOf: (kind: CostKind) => string
  /** Undefined: the place has no price (a folder, a server of one's own). */
  readonly prices: RegionPrices | undefined
  /** In a month, read from here. */
  readonly drills: number
  /** Where to what is read goes. */
  readonly egress: Egress
}

export const egresses = ['internet', 'region', 'none'] as const
/** Out of the vendor's network, to another of its regions, or not out of the region. */
export type Egress = (typeof egresses)[number]

export interface RepositoryCost {
  readonly kinds: readonly KindCost[]
  /** A month of keeping; undefined when not all of it has a price. */
  readonly keeping: number | undefined
  /** Of one full restore. */
  readonly restore:
    { readonly retrieval: number; readonly egress: number; readonly bytes: number } | undefined
  readonly drills: { readonly count: number; readonly cost: number | undefined }
  /** Keeping and drills. */
  readonly total: number | undefined
  /** `us-east-1, 2025-06-01`; undefined: no prices. */
  readonly pricesOf: string | undefined
  readonly findings: readonly string[]
}

export function costOfRepository(question: CostQuestion): RepositoryCost {
  const { kinds, classOf, prices, drills, egress } = question
  if (!prices) return unpriced(question)
  const costs = kinds.map(stored => costOfKind(stored, classOf(stored.kind), prices))
  const keeping = sumOf(costs.map(({ total }) => total))
  const retrieval = sumOf(costs.map(({ restore }) => restore))
  const bytes = kinds.reduce((all, { restored }) => all + restored.bytes, 0)
  const egressCost = ((prices.egressPerGb?.[egress] ?? 0) * bytes) / bytesPerGb
  const drillCost = retrieval === undefined ? undefined : drills * (retrieval + egressCost)
  return {
    kinds: costs,
    keeping,
    restore: retrieval === undefined ? undefined : { retrieval, egress: egressCost, bytes },
    drills: { count: drills, cost: drillCost },
    total: sumOf([keeping, drillCost]),
    pricesOf: `${prices.region}, ${prices.asOf}`,
    findings: [
      ...kinds.flatMap((stored, i) => findingOf(stored, costs[i], prices, drills)),
      ...costs
        .filter(({ total }) => total === undefined)
        .map(
          ({ kind, storageClass }) =>
            `The prices know no class ${storageClass}, in which ${nameOf(kind)} lie.`,
        ),
    ],
  }
}

function unpriced({ kinds, classOf, drills }: CostQuestion): RepositoryCost {
  return {
    kinds: kinds.map(stored => ({
      kind: stored.kind,
      storageClass: classOf(stored.kind),
      objects: stored.sizes.reduce((all, { objects }) => all + objects, 0),
      bytes: stored.sizes.reduce((all, { bytes }) => all + bytes, 0),
      storage: undefined,
      smallObjects: 0,
      earlyDeletion: 0,
      requests: 0,
      total: undefined,
      restore: undefined,
    })),
    keeping: undefined,
    restore: undefined,
    drills: { count: drills, cost: undefined },
    total: undefined,
    pricesOf: undefined,
    findings: [],
  }
}

/** Differences that nobody would move objects for. */
const worthwhile = 0.01

/** What costs more in its class than it would in another one, and why. The records have to be at hand always. */
function findingOf(
  stored: StoredKind,
  cost: KindCost | undefined,
  prices: RegionPrices,
  drills: number,
): readonly string[] {
  if (cost?.total === undefined || cost.kind === 'records') return []
  const best = cheapestClass(stored, prices, drills)
  if (!best || best.storageClass === cost.storageClass) return []
  const [now, then] = [withRestores(cost, drills), withRestores(best, drills)]
  if (now - then < worthwhile || now < 1.05 * then) return []
  const least = prices.least?.[cost.storageClass]
  const reasons = [
    cost.earlyDeletion > 0 &&
      `it is kept for ${formatDuration(stored.keptMs ?? 0)} and ${String(least?.days ?? 0)} days are paid for`,
    cost.smallObjects > 0.05 * (cost.storage ?? 0) &&
      `objects of less than ${String((least?.bytes ?? 0) / 1024)} KiB are paid for as that`,
    drills > 0 && (cost.restore ?? 0) > (best.restore ?? 0) && 'each drill pays for reading it',
  ].filter(reason => reason !== false)
  const why = reasons.length > 0 ? `: ${reasons.join('; ')}` : ''
  const name = nameOf(cost.kind)
  return [
    `${name[0]?.toUpperCase() ?? ''}${name.slice(1)} cost${cost.kind === 'wal' ? 's' : ''} more in ${cost.storageClass} (${money(now)}) than in ${best.storageClass} (${money(then)})${why}.`,
  ]
}

const names: Readonly<Record<CostKind, string>> = {
  backups: 'base backups',
  wal: 'WAL',
  dumps: 'dumps',
  archive: 'what is in the archive',
  records: 'records',
}
export const nameOf = (kind: CostKind): string => names[kind]

/** Cents, and below one as many digits as say something. */
export function money(amount: number): string {
  return amount !== 0 && Math.abs(amount) < 0.01 ? amount.toFixed(4) : amount.toFixed(2)
}

/** Undefined when one of them is. */
function sumOf(amounts: readonly (number | undefined)[]): number | undefined {
  return amounts.reduce<number | undefined>(
    (all, one) => (all === undefined || one === undefined ? undefined : all + one),
    0,
  )
}
