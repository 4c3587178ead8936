/** The audit trail in words. */
import type { Who } from '../audit/entry.ts'
import type { TrailRow } from '../audit/trail-rows.ts'
import { formatBytes, formatDuration, formatTime } from '../base/units.ts'
import { tableOf } from './table.ts'

export function trailTable(rows: readonly TrailRow[]): string {
  if (rows.length === 0) return 'nothing of the kind was entered\n'
  return tableOf(rows, [
    { head: 'BEGAN', of: ({ startedAt }) => formatTime(Math.floor(Date.parse(startedAt) / 1000) * 1000) },
    { head: 'TOOK', of: tookOf, align: 'right' },
    { head: 'WHO', of: ({ who }) => whoText(who) },
    { head: 'VERB', of: ({ verb }) => verb },
    { head: 'RESULT', of: resultText },
    { head: 'WHAT', of: whatText },
  ])
}

function tookOf({ startedAt, endedAt, state }: TrailRow): string {
  if (endedAt === null || state === 'note') return ''
  return formatDuration(Math.max(0, Date.parse(endedAt) - Date.parse(startedAt)))
}

function whoText({ user, sudoUser, host, by, job }: Who): string {
  const name = sudoUser === undefined ? user : `${sudoUser} as ${user}`
  const started = by === 'hand' ? '' : ` by ${by}${job === undefined ? '' : `:${job}`}`
  return `${name}@${host}${started}`
}

function resultText({ state, result, keys }: TrailRow): string {
  const key = keys.length > 0 ? ', key used' : ''
  const times = (result?.times ?? 1) > 1 ? ` ${String(result?.times)} times` : ''
  if (state === 'failed') return `${result?.code ?? `exit ${String(result?.exit)}`}${times}${key}`
  return state === 'note' ? '' : `${state}${key}`
}

function whatText({ what, result, facts }: TrailRow): string {
  if (facts)
    return Object.entries(facts)
      .map(([name, value]) => `${name}=${String(value)}`)
      .join(' ')
  if (!what) return ''
  const { repositories, ids, idsMore = 0, target } = what
  const [first] = ids
  const more = ids.length + idsMore - 1
  const id = first === undefined ? undefined : more > 0 ? `${first} and ${String(more)} more` : first
  return [
    id,
    repositories.length === 0 ? undefined : `in ${repositories.join(', ')}`,
    target === undefined ? undefined : `to ${target}`,
    result?.bytes === undefined ? undefined : formatBytes(result.bytes),
    result?.message === undefined ? undefined : `(${result.message.split('\n', 1).join('')})`,
  ]
    .filter(part => part !== undefined)
    .join(' ')
}
