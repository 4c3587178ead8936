/** From the configuration to what the doctor needs. */
import type { DoctorDeps } from '../operations/doctor/doctor.ts'
import { isManaged } from '../snapshots/managed/server.ts'
import { archiveCommandOf } from './archive-command.ts'
import type { CommandContext } from './context.ts'
import { openConfiguredProvider, witnesses } from './snapshot-setup.ts'
import { trailFolder } from './trail.ts'
import { usageFault } from './usage.ts'

export async function doctorDeps(context: CommandContext): Promise<DoctorDeps> {
  const { world, progress, connect, openPlace, program, terminal } = context
  const loaded = await context.config()
  const { snapshots } = loaded.config
  return {
    world,
    progress,
    loaded,
    connect,
    openPlace,
    environment: terminal.environment,
    launcher: program.launcher,
    archiveCommand: archiveCommandOf(program, loaded.path),
    trailFolder: await trailFolder(context),
    // A managed server shows nobody its volumes.
    snapshots:
      snapshots && !isManaged(snapshots.provider)
        ? { open: () => openConfiguredProvider(context), witnesses: await witnesses(context) }
        : undefined,
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
