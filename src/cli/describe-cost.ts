/** What a strategy costs, in tables. */
import { formatBytes, formatCount } from '../base/units.ts'
import type { FileCost, PlaceCost } from '../operations/cost/cost-of-file.ts'
import { nameOf, money } from '../policy/cost/repository-cost.ts'
import { counted, tableOf } from './table.ts'

export function costText(cost: FileCost): string {
  const places = cost.repositories.map(place => placeText(place, cost.currency))
  const total =
    cost.total === undefined
      ? 'not known: some of it has no price'
      : `${money(cost.total)} ${cost.currency} a month`
  return `${places.join('\n')}\nall of it: ${total}\n`
}

function placeText(place: PlaceCost, currency: string): string {
  const { name, url, kinds, pricesOf, findings } = place
  const head = `${name}  ${url}${pricesOf === undefined ? '  (no prices: what it costs is known to who runs it)' : `  (prices of ${pricesOf})`}\n`
  const table = tableOf(kinds, [
    { head: '  what', of: ({ kind }) => `  ${nameOf(kind)}` },
    { head: 'class', of: ({ storageClass }) => (pricesOf === undefined ? '-' : storageClass) },
    { head: 'objects', of: ({ objects }) => formatCount(objects), align: 'right' },
    { head: 'size', of: ({ bytes }) => formatBytes(bytes), align: 'right' },
    { head: 'storage', of: ({ storage }) => amount(storage), align: 'right' },
    {
      head: 'deleted early',
      of: ({ earlyDeletion, total }) => amount(total && earlyDeletion),
      align: 'right',
    },
    { head: 'requests', of: ({ requests, total }) => amount(total && requests), align: 'right' },
    { head: 'a month', of: ({ total }) => amount(total), align: 'right' },
  ])
  return `${head}${table}${readingText(place, currency)}${findings.map(line => `  ! ${line}\n`).join('')}`
}

function readingText({ keeping, restore, drills, total }: PlaceCost, currency: string): string {
  if (keeping === undefined || !restore || total === undefined) return ''
  const { retrieval, egress, bytes } = restore
  const perDrill =
    drills.count === 0
      ? 'no drills are scheduled'
      : `${counted(Number(drills.count.toFixed(1)), 'drill')} a month: ${money(drills.cost ?? 0)}`
  return (
    `  one full restore: ${money(retrieval + egress)} ${currency} for ${formatBytes(bytes)} (reading ${money(retrieval)}, out of the region ${money(egress)}); ${perDrill}\n` +
    `  together: ${money(total)} ${currency} a month\n`
  )
}

const amount = (value: number | undefined): string => (value === undefined ? '-' : money(value))

/** The file that is asked for beside the one that is in use. */
export function comparisonText(now: FileCost, then: FileCost): string {
  const names = [...new Set([...now.repositories, ...then.repositories].map(({ name }) => name))]
  const totalOf = (cost: FileCost, name: string): number | undefined =>
    cost.repositories.find(place => place.name === name)?.total
  const rows = [
    ...names.map(name => ({ name, now: totalOf(now, name), then: totalOf(then, name) })),
    { name: 'all of it', now: now.total, then: then.total },
  ]
  const isComparable = now.currency === then.currency
  return tableOf(rows, [
    { head: 'a month', of: ({ name }) => name },
    { head: `now (${now.currency})`, of: row => amount(row.now), align: 'right' },
    { head: `then (${then.currency})`, of: row => amount(row.then), align: 'right' },
    {
      head: 'difference',
      of: row =>
        row.now === undefined || row.then === undefined || !isComparable ? '-' : signed(row.then - row.now),
      align: 'right',
    },
  ])
}

const signed = (value: number): string => `${value < 0 ? '-' : '+'}${money(Math.abs(value))}`
