/** Everything that can be told from here: of the repositories, and of the agent when one answers. */
import { agentSamples } from '../agent/metrics/samples.ts'
import { Fault, isFault, messageOf } from '../base/fault.ts'
import { inTime } from '../base/in-time.ts'
import { limits } from '../base/limits.ts'
import { formatDuration } from '../base/units.ts'
import { samplesOf } from '../operations/status/samples.ts'
import type { Sample } from '../policy/metrics/sample.ts'
import { agentStatus } from './ask-agent.ts'
import type { CommandContext } from './context.ts'
import { gatherStatus } from './gather-status.ts'

export async function gatherMetrics(context: CommandContext): Promise<readonly Sample[]> {
  const [report, agent] = await Promise.all([gatherStatus(context), askedAgent(context)])
  return [...samplesOf(report), ...agent]
}

/** Where nobody answers there is no agent, or it is another user's: what it knows is left out. */
async function askedAgent(context: CommandContext): Promise<readonly Sample[]> {
  const late = (): Fault =>
    new Fault(
      'AGENT_UNREACHABLE',
      `the agent gave no answer within ${formatDuration(limits.agentAnswerMsMax)}`,
      { hint: 'See its log, or start it again.' },
    )
  try {
    const asked = agentStatus(context, undefined)
    return agentSamples(await inTime(asked, context.world.clock, limits.agentAnswerMsMax, late))
  } catch (error) {
    context.signal.throwIfAborted()
    if (!isFault(error)) throw error
    context.output.detail(`nothing is told of jobs: ${messageOf(error)}`)
    return []
  }
}
