/** From the command line to the agent: checks the jobs against the commands that there are, and loads them anew when asked. */
import { runAgent } from '../agent/agent.ts'
import { jsonLog } from '../agent/json-log.ts'
import { alertsSetupOf } from '../agent/alerts/setup.ts'
import { agentPlacesOf, agentSetupOf, type AgentSetup, type LoadedSetup } from '../agent/setup.ts'
import { Fault, isFault } from '../base/fault.ts'
import type { LoadedConfig } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { nextRun } from '../schedule/schedule.ts'
import { openSinks } from '../sinks/open.ts'
import { parseWords } from './commander.ts'
import type { CommandContext } from './context.ts'
import { copyPairs } from './copy-pairs.ts'
import { openStrainProbe } from './strain-probe.ts'
import { nextRunsText } from './describe-agent.ts'

export async function serve(context: CommandContext): Promise<void> {
  const { world, terminal, program, signal } = context
  const loaded = await context.config()
  const { path } = loaded
  const log = jsonLog(line => {
    terminal.out.write(line)
  }, world.clock)
  await runAgent(
    {
      world,
      log,
      environment: terminal.environment,
      launcher: program.launcher,
      configPath: path,
      setup: loadedSetup(loaded, context),
      load: async () => loadedSetup(await loadConfig(path), context),
      probe: openStrainProbe(context),
      onHangUp: terminal.onHangUp,
      ...agentPlacesOf(loaded.config),
    },
    signal,
  )
}

function loadedSetup(loaded: LoadedConfig, { world: { clock }, terminal }: CommandContext): LoadedSetup {
  return {
    ...checkedSetup(loaded),
    alerts: alertsSetupOf(loaded),
    sinks: openSinks(loaded, { clock, environment: terminal.environment }),
  }
}

export async function checkJobs(context: CommandContext): Promise<void> {
  const loaded = await context.config()
  alertsSetupOf(loaded)
  const { jobs } = checkedSetup(loaded)
  const now = context.world.clock.now()
  const rows = jobs.map(({ job: { name, schedule, zone } }) => {
    const next: string[] = []
    for (let ms = now; next.length < 3;) next.push(new Date((ms = nextRun(schedule, zone, ms))).toISOString())
    return { name, at: schedule.text, next }
  })
  context.output.result(rows, () => nextRunsText(rows))
}

/** A mistake in a job is told when the file is loaded, not in the night in which it runs first. */
export function checkedSetup({ config, path }: LoadedConfig): AgentSetup {
  const setup = agentSetupOf(config)
  for (const { job, command } of setup.jobs) {
    try {
      if (parseWords(command).kind !== 'run') throw new Error('assertion failed: kinds of jobs are commands')
    } catch (error) {
      if (!isFault(error)) throw error
      const message = `${path}: jobs.${job.name} runs "${command.join(' ')}": ${error.message}`
      throw new Fault('CONFIG_INVALID', message, { hint: error.hint, cause: error })
    }
  }
  // What can not be copied would fail every few minutes from then on.
  if (setup.copies) copyPairs(config.repositories, { from: undefined, to: undefined })
  return setup
}
