/** From the configuration to what the doctor needs. */
import type { DoctorDeps } from '../operations/doctor/doctor.ts'
import { archiveCommandOf } from './archive-command.ts'
import type { CommandContext } from './context.ts'
import { usageFault } from './usage.ts'

export async function doctorDeps(context: CommandContext): Promise<DoctorDeps> {
  const { world, progress, connect, openPlace, program, terminal } = context
  const loaded = await context.config()
  return {
    world,
    progress,
    loaded,
    connect,
    openPlace,
    environment: terminal.environment,
    launcher: program.launcher,
    archiveCommand: archiveCommandOf(program, loaded.path),
  }
}

export async function repositoriesToCheck(
  { config }: CommandContext,
  name: string | undefined,
): Promise<readonly string[]> {
  const names = Object.keys((await config()).config.repositories)
  if (name === undefined) return names
  if (names.includes(name)) return [name]
  throw usageFault(
    `there is no repository "${name}" in the configuration`,
    `Give one of: ${names.join(', ')}.`,
  )
}
