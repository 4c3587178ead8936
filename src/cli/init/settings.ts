/** The PostgreSQL settings that `init` shows, and sets when it is told to. */
import { applySettings, settingsInFiles } from '../../operations/setup/apply-settings.ts'
import { foreignArchiving, planSettings, type SettingChange } from '../../operations/setup/settings-plan.ts'
import type { Server } from '../../postgres/connection.ts'
import type { ServerFacts } from '../../postgres/server-facts.ts'
import type { CommandContext } from '../context.ts'
import type { Terminal } from '../terminal.ts'
import { confirm } from './answers.ts'

export interface SettingsOutcome {
  /** What is not in force yet. */
  readonly changes: readonly SettingChange[]
  /** Whether this run has set them. */
  readonly applied: boolean
}

export interface SettingsWish {
  readonly apply: boolean
  readonly yes: boolean
}

const names = ['wal_level', 'archive_mode', 'archive_library', 'archive_command', 'archive_timeout']

export async function settle(
  { terminal, output, signal }: CommandContext,
  server: Server,
  facts: ServerFacts,
  archiveCommand: string,
  wish: SettingsWish,
): Promise<SettingsOutcome> {
  const changes = planSettings(facts, archiveCommand, await settingsInFiles(server, names, signal))
  const toSet = changes.filter(({ waiting }) => !waiting)
  const left: SettingsOutcome = { changes, applied: false }
  if (toSet.length === 0) return left
  if (facts.inRecovery) {
    output.note('this is a standby: its settings come from you, and archiving is a matter of the primary')
    return left
  }
  const foreign = foreignArchiving(facts)
  if (foreign !== undefined) output.warn(`this server archives elsewhere at present: ${foreign}`)
  if (!(await isWanted(terminal, wish, toSet, foreign !== undefined))) return left
  const applied = await applySettings(server, toSet, signal)
  return { changes: [...changes.filter(({ waiting }) => waiting), ...applied], applied: true }
}

/** Replacing what another program set up is asked about once more, unless `--yes` says that nobody is there to ask. */
async function isWanted(
  { ask, err }: Terminal,
  { apply, yes }: SettingsWish,
  changes: readonly SettingChange[],
  replaces: boolean,
): Promise<boolean> {
  if (yes || !ask) return apply
  if (apply) return !replaces || confirm(ask, 'Replace it?', false)
  err.write(`\nPostgreSQL needs these settings:\n\n${settingsLines(changes)}\n`)
  return confirm(ask, 'Set them now (ALTER SYSTEM)?', false)
}

/** As lines for postgresql.conf, each under its reason. */
export function settingsLines(changes: readonly SettingChange[]): string {
  return changes
    .map(({ name, wanted, why }) => `  # ${why}\n  ${name} = '${wanted.replaceAll("'", "''")}'\n`)
    .join('')
}
