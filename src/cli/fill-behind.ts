/** After a backup or dump: brings it to the repositories that should have it and do not, from one that has it. */
import { Fault, isFault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import type { MemberBehind } from '../operations/backup/members.ts'
import { copyRepository } from '../operations/copy/copy.ts'
import type { CommandContext } from './context.ts'
import { openCopy } from './copy-setup.ts'
import { repositoryKey } from '../repository/layout.ts'
import { openInTime } from './sources.ts'

export interface Filled {
  readonly whole: readonly string[]
  readonly behind: readonly MemberBehind[]
}

/** What can not be brought now is left to the next `holdfast copy`. */
export async function fillBehind(
  context: CommandContext,
  { id, from }: { readonly id: string; readonly from: string },
  lacking: readonly (MemberBehind | { readonly name: string; readonly fault?: undefined })[],
): Promise<Filled> {
  const whole: string[] = []
  const behind: MemberBehind[] = []
  for (const { name, fault } of lacking) {
    const trouble = await bring(context, { id, from, to: name })
    if (trouble) behind.push({ name, fault: fault ?? trouble })
    else whole.push(name)
  }
  return { whole, behind }
}

async function bring(
  context: CommandContext,
  { id, from, to }: { readonly id: string; readonly from: string; readonly to: string },
): Promise<Fault | undefined> {
  const { progress, signal } = context
  try {
    const deps = await openCopy(context, { from, to })
    // One that still says nothing is not waited for once more: the backup is done.
    const ask = (): Promise<unknown> => deps.to.storage.stat(repositoryKey, signal)
    await openInTime(to, context.world.clock, ask, limits.mirrorAnswerMsMax)
    progress.note(`bringing ${id} to repository "${to}"`)
    const options = { ids: [id], wal: false, backups: true, dumps: true, dryRun: false }
    const { problems } = await copyRepository(deps, options, signal)
    const [problem] = problems
    return problem && new Fault('REPOSITORY_BEHIND', problem.message, { hint: problem.hint })
  } catch (error) {
    signal.throwIfAborted()
    if (!isFault(error)) throw error
    return error
  }
}
