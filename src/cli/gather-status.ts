/** Looks at everything that `status` tells of: for the command, and for whoever else watches (alerts, metrics). */
import { agentPlacesOf, agentSetupOf } from '../agent/setup.ts'
import { peekState } from '../agent/state-file.ts'
import { readStatus } from '../operations/status/read-status.ts'
import type { StatusReport } from '../operations/status/status.ts'
import type { CommandContext } from './context.ts'
import { owedHere } from './owed-here.ts'
import { pricesFor } from './prices-file.ts'
import { statusPlaces } from './status-places.ts'

/** Within a limit of time, whatever is out of reach. */
export async function gatherStatus(context: CommandContext): Promise<StatusReport> {
  const { config, connect, connectPrimary, world, signal } = context
  const { config: loaded, path } = await config()
  const { postgres, objectives } = loaded
  return readStatus(
    {
      world,
      objectives,
      places: await statusPlaces(context),
      server: postgres.primary
        ? { connect: connectPrimary, dataDirectory: undefined }
        : { connect, dataDirectory: postgres.dataDirectory },
      readOwed: () => owedHere(context),
      jobs: agentSetupOf(loaded).jobs,
      readPrices: () => pricesFor(loaded.prices, path),
      readMemories: async () => (await peekState(agentPlacesOf(loaded).folder))?.jobs,
    },
    signal,
  )
}
