/**
 * At the end of a backup, a copy or a repair: locks what it brought. What is done is done, so what goes wrong here is told and does
 * not undo it; the caller makes it an exit status.
 */
import { isFault, type Fault } from '../base/fault.ts'
import type { LockOptions } from '../operations/lock/extend-locks.ts'
import { repositoryOf } from '../operations/sources/archive-name.ts'
import type { CommandContext } from './context.ts'
import type { LockContext } from './lock-places.ts'
import { counted } from './table.ts'

/** In each of these; the first fault. */
export async function lockAfterAll(
  context: Parameters<typeof lockAfter>[0],
  names: readonly string[],
): Promise<Fault | undefined> {
  const faults: Fault[] = []
  for (const name of names) {
    const fault = await lockAfter(context, name)
    if (fault) faults.push(fault)
  }
  return faults[0]
}

/** Undefined when all is locked that is to be, or nothing is in this repository. */
export async function lockAfter(
  context: LockContext & Pick<CommandContext, 'output'>,
  name: string,
  options: Pick<LockOptions, 'allWal' | 'everything'> = {},
): Promise<Fault | undefined> {
  const { output, signal } = context
  const { config } = await context.config()
  if (!config.repositories[repositoryOf(name)]?.lock) return undefined
  try {
    const { lockPlaces } = await import('./lock-places.ts')
    for (const { repository, extended } of await lockPlaces(context, name, options))
      if (extended > 0) output.note(`${repository}: ${counted(extended, 'object')} locked (longer)`)
    return undefined
  } catch (error) {
    signal.throwIfAborted()
    if (!isFault(error)) throw error
    output.warn(
      `${name}: not everything could be locked: ${error.message}; run \`holdfast lock\` when that is mended`,
    )
    return error
  }
}
