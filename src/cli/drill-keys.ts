/** Whose signatures of drills count here: this host's own, and those that are pinned or given. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { chooseState } from '../audit/folder.ts'
import { isFault } from '../base/fault.ts'
import { agentPlacesOf } from '../agent/setup.ts'
import type { Config } from '../config/config.ts'
import { readHostKey } from '../operations/drill/report/host-key.ts'
import type { KnownKeys } from '../operations/drill/report/verify-drill.ts'
import { drillKey } from '../repository/format/drill-json.ts'
import type { CommandContext } from './context.ts'
import type { Terminal } from './terminal.ts'
import { usageFault } from './usage.ts'

/** Where the key of this host is, or will be. */
export async function hostKeyPathOf(
  config: Config,
  { environment }: Pick<Terminal, 'environment'>,
): Promise<string> {
  if (config.drills.signingKey !== undefined) return config.drills.signingKey
  const { folder: stateFolder } = agentPlacesOf(config)
  const { cluster, agent } = config
  const folder = agent.state ?? (await chooseState({ stateFolder, cluster, environment, home: homedir() }))
  return join(folder, 'drill-key.pem')
}

/** Only what was given, when anything was. */
export async function knownKeys(context: CommandContext, given: readonly string[]): Promise<KnownKeys> {
  if (given.length > 0) return given.map(key => ['the key that was given', asDrillKey(key)])
  const config = await configIfAny(context)
  if (!config) return []
  const pinned = Object.entries(config.drills.trustedKeys)
  const path = await hostKeyPathOf(config, context.terminal)
  try {
    const own = await readHostKey(path)
    return own ? [['this host', own.public], ...pinned] : pinned
  } catch (error) {
    if (!isFault(error, 'SIGNING_KEY')) throw error
    context.output.warn(`the key of this host is not looked at: ${error.message}`)
    return pinned
  }
}

/** Whoever checks a file that somebody handed over need not have one. */
async function configIfAny({ config }: CommandContext): Promise<Config | undefined> {
  try {
    return (await config()).config
  } catch (error) {
    if (isFault(error, 'CONFIG_MISSING')) return undefined
    throw error
  }
}

function asDrillKey(given: string): string {
  try {
    return drillKey(given, '')
  } catch {
    throw usageFault(
      `"${given}" is not the key of a host`,
      'Take it from `holdfast drill key` on that host; it begins with MCowBQYDK2VwAyEA.',
    )
  }
}
