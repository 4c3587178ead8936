/** `restore --start`: starts what was restored, and lets nobody in before requests to forget a person have been applied. */
import type { AppliedErasure } from '../operations/erase/apply-erasures.ts'
import { forgetInRestored } from '../operations/erase/forget-restored.ts'
import { startRestored, type StartedServer } from '../operations/restore/start.ts'
import type { LocalServer } from '../postgres/local-server/local-server.ts'
import type { CommandContext } from './context.ts'
import { likelyUsers } from './erasures.ts'
import type { LaidOut, RestoreWords } from './restore-setup.ts'

export interface StartedAndForgotten extends StartedServer {
  readonly erasures: readonly AppliedErasure[]
}

export async function startAsGiven(
  context: CommandContext,
  { layout, erasures, isClosed }: LaidOut,
  { standby, action }: Pick<RestoreWords, 'standby' | 'action'>,
): Promise<StartedAndForgotten> {
  const { world, progress, log, enter, signal, terminal } = context
  const { environment } = terminal
  const { config } = await context.config()
  const places = { binDirectory: config.postgres.binDirectory, path: environment['PATH'] }
  let outcomes: readonly AppliedErasure[] = []
  const forget = async (server: LocalServer, stop: AbortSignal): Promise<void> => {
    const { requests, sources } = erasures
    const users = await likelyUsers(context)
    const job = { requests, operation: 'restore', from: layout.record.id, users } as const
    outcomes = await forgetInRestored(
      { world, progress, log, enter, sources, environment },
      server,
      job,
      stop,
    )
  }
  const started = await startRestored(
    { world, progress, environment, places },
    { layout, standby, pauses: action === 'pause', beforeOpening: isClosed ? forget : undefined },
    signal,
  )
  return { ...started, erasures: outcomes }
}
