/** From the command line to the agent: checks the jobs against the commands that there are, and loads them anew when asked. */
import { runAgent } from '../agent/agent.ts'
import { jsonLog } from '../agent/json-log.ts'
import { alertsSetupOf } from '../agent/alerts/setup.ts'
import { textLog } from '../agent/text-log.ts'
import { agentPlacesOf, agentSetupOf, type AgentSetup, type LoadedSetup } from '../agent/setup.ts'
import { Fault, isFault } from '../base/fault.ts'
import type { LoadedConfig } from '../config/config.ts'
import { loadConfig, mistakesText } from '../config/load.ts'
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
  const isForPerson = terminal.out.interactive && !context.output.rule.json
  const log = (isForPerson ? textLog : jsonLog)(line => {
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

function faultIn(command: readonly string[]): Fault | undefined {
  try {
    if (parseWords(command).kind !== 'run') throw new Error('assertion failed: kinds of jobs are commands')
    return undefined
  } catch (error) {
    if (isFault(error)) return error
    throw error
  }
}

/** A mistake in a job is told when the file is loaded, not in the night in which it runs first. */
export function checkedSetup({ config, path, placeOf = () => path }: LoadedConfig): AgentSetup {
  const setup = agentSetupOf(config)
  const mistakes = setup.jobs.flatMap(({ job, command }) => {
    const fault = faultIn(command)
    const where = `${placeOf(['jobs', job.name])}: jobs.${job.name}`
    return fault ? [{ fault, told: `${where} runs "${command.join(' ')}": ${fault.message}` }] : []
  })
  const [first, ...others] = mistakes
  if (first) {
    const told = others.length === 0 ? [first.told] : mistakes.map(one => `${one.told} (${one.fault.hint})`)
    const hint = others.length === 0 ? first.fault.hint : 'Correct the commands; each has its own --help.'
    throw new Fault('CONFIG_INVALID', mistakesText(told), { hint, cause: first.fault })
  }
  // What can not be copied would fail every few minutes from then on.
  if (setup.copies) copyPairs(config.repositories, { from: undefined, to: undefined })
  return setup
}
