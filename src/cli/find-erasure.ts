/** The request that people mean: its id, or the beginning of it. */
import { nearest } from '../base/nearest.ts'
import type { UnitedErasure } from '../operations/erase/open-erasures.ts'
import { usageFault } from './usage.ts'

export function chooseErasure(all: readonly UnitedErasure[], given: string): UnitedErasure {
  const fitting = all.filter(({ record }) => record.id.startsWith(given))
  const [found] = fitting
  if (found && fitting.length === 1) return found
  const ids = (found ? fitting : all).map(({ record }) => record.id)
  const near = nearest(given, ids)
  throw usageFault(
    `${found ? 'several requests begin' : 'no request begins'} with "${given}"`,
    ids.length === 0
      ? 'There is none: holdfast erase add makes one.'
      : near !== undefined && !found
        ? `Did you mean ${near}?`
        : `Give one of: ${ids.slice(-10).join(', ')}.`,
  )
}
