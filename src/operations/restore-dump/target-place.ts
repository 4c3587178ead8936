/** Where a dump is restored into. */
import { limits } from '../../base/limits.ts'
import { clientEnvironment } from '../../postgres/client-environment.ts'
import { connectTo, type Server } from '../../postgres/connection.ts'
import type { ConnectionTarget, Environment } from '../../postgres/connection-string.ts'
import { majorWithTransactionTimeout } from '../../postgres/pg-restore.ts'

export interface TargetPlace {
  readonly target: ConnectionTarget
  readonly environment: Environment
}

/** A session in one of the server's databases. */
export async function connectIn(place: TargetPlace, database: string, signal: AbortSignal): Promise<Server> {
  return connectTo({ ...place.target, database }, { environment: place.environment }, signal)
}

/** The same, for changes: whatever the database or the role is set to for its usual sessions. */
export async function connectToChange(
  place: TargetPlace,
  database: string,
  signal: AbortSignal,
): Promise<Server> {
  const server = await connectIn(place, database, signal)
  try {
    await server.query('SET default_transaction_read_only = off', [], signal)
    return server
  } catch (error) {
    await server.close()
    throw error
  }
}

/**
 * For a client program that changes something: as any other, but where usual sessions are read only. Options are not sent without
 * need, since not every pooler takes them.
 */
export async function changingEnvironment(
  { target, environment }: TargetPlace,
  server: Server,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const [row] = await server.query<{ usual: string }>(
    "SELECT reset_val AS usual FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only'",
    [],
    signal,
  )
  if (row?.usual !== 'on') return clientEnvironment(target, environment)
  const options = `-c default_transaction_read_only=off ${target.options ?? ''}`.trim()
  return clientEnvironment({ ...target, options }, environment)
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

/**
 * What pg_restore connects with. Nothing of it is durable before the database gets its name, and that waits for everything before it. And what the database
 * is set to for its usual sessions (read only, limits of time) is not meant for the one that fills it.
 */
export function loadingEnvironment(
  { target, environment }: TargetPlace,
  major: number,
): Readonly<Record<string, string>> {
  const settings = [
    'synchronous_commit=off',
    'default_transaction_read_only=off',
    'default_transaction_isolation=read\\ committed',
    'default_transaction_deferrable=off',
    ...[
      'statement_timeout',
      'lock_timeout',
      'idle_session_timeout',
      'idle_in_transaction_session_timeout',
    ].map(name => `${name}=0`),
    ...(major >= majorWithTransactionTimeout ? ['transaction_timeout=0'] : []),
  ]
  // What was asked for in the connection string comes last, and counts.
  const options = [...settings.map(setting => `-c ${setting}`), target.options ?? '']
  return clientEnvironment({ ...target, options: options.join(' ').trim() }, environment)
}
