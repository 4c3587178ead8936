/** Looks at everything that `status` tells of: for the command, and for whoever else watches (alerts, metrics). */
import { readStatus, type StatusReport } from '../operations/status/status.ts'
import type { CommandContext } from './context.ts'
import { owedHere } from './owed-here.ts'
import { statusPlaces } from './status-places.ts'

/** Within a limit of time, whatever is out of reach. */
export async function gatherStatus(context: CommandContext): Promise<StatusReport> {
  const places = await statusPlaces(context)
  return readStatus(places, context.world, context.signal, () => owedHere(context))
}
