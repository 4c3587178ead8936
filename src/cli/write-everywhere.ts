/** Writes something small to every repository that backups are written to: one out of reach does not keep it from the others. */
import { isFault, type Fault } from '../base/fault.ts'
import type { CommandContext, OpenRepository } from './context.ts'
import { writtenRepositories } from './push-setup.ts'
import { openInTime } from './sources.ts'

export interface WrittenTo {
  readonly written: readonly string[]
  readonly failed: readonly { readonly name: string; readonly fault: Fault }[]
}

/** Fails when none could be written. */
export async function writeEverywhere(
  context: CommandContext,
  write: (place: OpenRepository) => Promise<void>,
): Promise<WrittenTo> {
  const { world, output, signal } = context
  const written: string[] = []
  const failed: { name: string; fault: Fault }[] = []
  for (const name of writtenRepositories(await context.config(), undefined)) {
    try {
      await write(await openInTime(name, world.clock, one => context.openRepository(one)))
      written.push(name)
    } catch (error) {
      signal.throwIfAborted()
      if (!isFault(error)) throw error
      failed.push({ name, fault: error })
    }
  }
  const [first] = failed
  if (written.length === 0 && first) throw first.fault
  for (const { name, fault } of failed) output.warn(`repository ${name} was not written: ${fault.message}`)
  return { written, failed }
}
