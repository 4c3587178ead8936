/** What has to be thawed, how long it takes and what it costs, in words. */
import { Fault } from '../base/fault.ts'
import { formatBytes, formatDuration } from '../base/units.ts'
import type { ThawPlan } from '../operations/thaw/thaw.ts'
import { counted } from './table.ts'

export function thawLines(plan: ThawPlan): readonly (readonly [string, string])[] {
  const { days, speed, underWay } = plan
  const asked = underWay === 0 ? '' : `; ${counted(underWay, 'object')} asked for already`
  return [
    ['thaw', `${whatText(plan)}${asked}`],
    ['', `${speed}: ${timeText(plan)}, ${costText(plan)}; readable for ${counted(days, 'day')} then`],
  ]
}

export function thawRecord(plan: ThawPlan | undefined): Readonly<Record<string, unknown>> | null {
  if (!plan) return null
  const { speed, days, needs, underWay, bytes, estimate } = plan
  return {
    objects: needs.length,
    underWay,
    bytes,
    classes: [...new Set(needs.map(({ storageClass }) => storageClass))],
    speed,
    days,
    leastMs: estimate.leastMs ?? null,
    mostMs: estimate.mostMs ?? null,
    cost: estimate.cost ?? null,
    currency: estimate.currency,
    prices: estimate.pricesOf ?? null,
  }
}

/** `412 objects (391 GiB) in DEEP_ARCHIVE must be thawed: takes 9h 00m to 12h 00m, costs about 1.20 USD (…)`. */
export const thawText = (plan: ThawPlan): string => `${whatText(plan)}: ${timeText(plan)}, ${costText(plan)}`

/** Before anything is written. */
export function mustThaw(plan: ThawPlan): Fault {
  return new Fault(
    'OBJECT_COLD',
    `${whatText(plan)} before they can be read: ${timeText(plan)}, ${costText(plan)}`,
    {
      hint: 'Run the same command with --thaw (standard), --thaw bulk or --thaw expedited: it asks for it, waits, and goes on by itself. Nothing was written.',
    },
  )
}

function whatText({ needs, bytes }: ThawPlan): string {
  const classes = [...new Set(needs.map(({ storageClass }) => storageClass))].join(' and ')
  return `${counted(needs.length, 'object')} (${formatBytes(bytes)}) in ${classes} must be thawed`
}

function timeText({ estimate: { leastMs, mostMs } }: ThawPlan): string {
  if (leastMs === undefined || mostMs === undefined) return 'nobody knows how long it takes'
  return `takes ${formatDuration(leastMs)} to ${formatDuration(mostMs)}`
}

function costText({ estimate: { cost, currency, pricesOf } }: ThawPlan): string {
  if (cost === undefined) return 'costs what the provider asks (no prices known)'
  const sum = cost > 0 && cost < 0.01 ? 'less than 0.01' : `about ${cost.toFixed(2)}`
  return `costs ${sum} ${currency} (prices of ${pricesOf ?? 'nowhere'})`
}
