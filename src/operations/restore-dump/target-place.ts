/** Where a dump is restored into. */
import { limits } from '../../base/limits.ts'
import { connectTo, type Server } from '../../postgres/connection.ts'
import type { ConnectionTarget, Environment } from '../../postgres/connection-string.ts'

export interface TargetPlace {
  readonly target: ConnectionTarget
  readonly environment: Environment
}

/** A session in one of the server's databases. */
export async function connectIn(place: TargetPlace, database: string, signal: AbortSignal): Promise<Server> {
  return connectTo({ ...place.target, database }, { environment: place.environment }, signal)
}

/** A session that is in no database which is to be renamed. */
export async function connectBeside(place: TargetPlace, name: string, signal: AbortSignal): Promise<Server> {
  const usual = place.target.database
  return connectIn(
    place,
    usual !== undefined && usual !== name ? usual : name === 'postgres' ? 'template1' : 'postgres',
    signal,
  )
}

/** For statements whose time depends on how much there is. */
export const longStatement = { timeoutMs: limits.dumpStatementMsMax }
