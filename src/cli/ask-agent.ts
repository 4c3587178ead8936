/** Asks the agent of this host, at the socket that the configuration names. */
import { agentPlacesOf } from '../agent/setup.ts'
import { Fault } from '../base/fault.ts'
import type { AgentAlerts } from '../control/agent-alerts.ts'
import type { AgentRun, AgentStatus } from '../control/agent-status.ts'
import { askAgent } from '../control/client.ts'
import type { Request } from '../control/messages.ts'
import type { CommandContext } from './context.ts'

export type RunOutcome = { readonly started: string; readonly pid: number | null } | AgentRun

// Both sides are this program, and the agent says what it is when it is not: the answers have the types of control/.
export const agentStatus = (context: CommandContext, socket: string | undefined): Promise<AgentStatus> =>
  ask(context, socket, { do: 'status' }) as Promise<AgentStatus>

export const reloadAgent = (context: CommandContext, socket: string | undefined): Promise<AgentStatus> =>
  ask(context, socket, { do: 'reload' }) as Promise<AgentStatus>

export const runJob = (
  context: CommandContext,
  socket: string | undefined,
  asked: { readonly job: string; readonly wait: boolean },
): Promise<RunOutcome> => ask(context, socket, { do: 'run', ...asked }) as Promise<RunOutcome>

export const changeLimits = (
  context: CommandContext,
  socket: string | undefined,
  asked: Omit<Extract<Request, { do: 'limit' }>, 'do'>,
): Promise<AgentStatus> => ask(context, socket, { do: 'limit', ...asked }) as Promise<AgentStatus>

export const stopAgent = (context: CommandContext, socket: string | undefined): Promise<unknown> =>
  ask(context, socket, { do: 'stop' })

export async function alertsOf(context: CommandContext, socket: string | undefined): Promise<AgentAlerts> {
  return told(await agentStatus(context, socket))
}

export async function acknowledge(
  context: CommandContext,
  socket: string | undefined,
  asked: { readonly alert: string; readonly forMs: number; readonly reason: string | undefined },
): Promise<AgentAlerts> {
  return told((await ask(context, socket, { do: 'ack', ...asked })) as AgentStatus)
}

function told({ alerts, configuration }: AgentStatus): AgentAlerts {
  if (alerts) return alerts
  throw new Fault('CONFIG_INVALID', `${configuration} says nothing of alerts, so nobody looks`, {
    hint: 'Name sinks as `sinks` of `alerts`, and run `holdfast agent reload`; docs/alerts.md shows how.',
  })
}

async function ask(context: CommandContext, socket: string | undefined, request: Request): Promise<unknown> {
  const path = socket ?? agentPlacesOf((await context.config()).config).socketPath
  return askAgent(path, request, context.signal)
}
