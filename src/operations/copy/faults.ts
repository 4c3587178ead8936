/** What several steps of a copy have to say. */
import { Fault } from '../../base/fault.ts'
import type { CopySide } from './sides.ts'

/** An object of the source is damaged or missing, and another repository still had it. */
export function takenElsewhere(fault: Fault, side: Pick<CopySide, 'name'>): Fault {
  return new Fault(fault.code, `${fault.message}; it was taken from "${side.name}"`, {
    hint: 'The copy is whole. Run `holdfast repair` on the repository that is damaged.',
    cause: fault,
  })
}
