/** What becomes of requests to forget a person, in words and as records. Subjects are not told: these words are kept in logs. */
import { describeCounts, type AppliedErasure } from '../operations/erase/apply-erasures.ts'
import type { ErasuresAhead } from './erasures.ts'
import { counted } from './table.ts'

type Line = readonly [name: string, text: string | undefined]

/** In the plan of a restore. */
export function erasurePlanLines(
  { pending, skipReason }: ErasuresAhead,
  { standby, how }: { readonly standby: boolean; readonly how?: string | undefined },
): readonly Line[] {
  if (pending.length === 0) return []
  const what = `${counted(pending.length, 'request')} to forget a person (${idsOf(pending)})`
  if (standby)
    return [['erasures', `${what}: not applied, for a standby replays what its primary does: run them there`]]
  if (skipReason !== undefined) return [['erasures', `${what}: NOT applied: ${skipReason}`]]
  return [['erasures', `${what}: ${how ?? 'applied before anybody can connect'}`]]
}

export function erasurePlanRecord({ pending, unread, skipReason }: ErasuresAhead): object {
  return {
    pending: pending.map(({ record }) => record.id),
    notRead: unread.map(({ name }) => name),
    skipReason: skipReason ?? null,
  }
}

export function appliedLines(outcomes: readonly AppliedErasure[]): readonly Line[] {
  return outcomes.map(outcome => ['forgot', appliedText(outcome)])
}

function appliedText({ id, outcome, database, statements }: AppliedErasure): string {
  switch (outcome) {
    case 'applied':
      return `${id} in ${database}: ${describeCounts(statements)}`
    case 'contained':
      return `${id}: done before this point`
    case 'no database':
      return `${id}: ${database} was not there at this point`
    case 'other tables':
      return `${id}: about other tables than these`
    case 'failed':
    case 'skipped':
      return `${id}: ${outcome}`
  }
}

export const appliedRecord = ({ id, database, outcome, statements }: AppliedErasure): object => ({
  id,
  database,
  outcome,
  statements,
})

/** After a restore whose server is not open yet. */
export function closedLines({ pending }: ErasuresAhead, directory: string): readonly Line[] {
  return [
    [
      'closed',
      `${counted(pending.length, 'request')} to forget a person come first: until then nobody can connect, whoever starts the server`,
    ],
    [
      'next',
      `holdfast erase apply --target-dir ${directory}; it ends the recovery, applies them, and opens the directory. Then start the server`,
    ],
  ]
}

const idsTold = 5

function idsOf(pending: ErasuresAhead['pending']): string {
  const ids = pending.slice(0, idsTold).map(({ record }) => record.id)
  return [...ids, ...(pending.length > idsTold ? ['…'] : [])].join(', ')
}
