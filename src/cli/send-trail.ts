/** Copies this host's audit trail into the repositories. */
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { owedMark } from '../audit/folder.ts'
import { Fault, isFault, messageOf } from '../base/fault.ts'
import { inTime } from '../base/in-time.ts'
import { auditLimits } from '../audit/limits.ts'
import { formatDuration } from '../base/units.ts'
import type { Config } from '../config/config.ts'
import { sendTrail, type Sent } from '../operations/audit/send.ts'
import type { CommandContext } from './context.ts'
import { trailFolder } from './trail.ts'

export interface SentTo {
  readonly repository: string
  readonly sent: Sent | undefined
  readonly fault: Fault | undefined
}

/** Into copies of other repositories nobody writes but `copy`. */
export const trailRepositories = ({ repositories }: Pick<Config, 'repositories'>): readonly string[] =>
  Object.entries(repositories)
    .filter(([, { copyOf }]) => copyOf === undefined)
    .map(([name]) => name)

/** Where trails can be read: copies of other repositories have them from these. */
export const trailCopies = ({ repositories }: Pick<Config, 'repositories'>): readonly string[] => [
  ...new Set([...trailRepositories({ repositories }), ...Object.keys(repositories)]),
]

/** To all at once; what one of them does not take in time it is owed, and a file says so to the agent. */
export async function sendToAll(context: CommandContext, msMax: number): Promise<readonly SentTo[]> {
  const { config } = await context.config()
  const folder = await trailFolder(context)
  const done = await Promise.all(trailRepositories(config).map(name => sendTo(context, folder, name, msMax)))
  await markOwed(
    folder,
    done.some(({ fault }) => fault !== undefined),
  )
  return done
}

/** At the end of an operation: a repository that is away gets it later. */
export async function sendQuietly(context: CommandContext): Promise<void> {
  try {
    for (const { repository, fault } of await sendToAll(context, auditLimits.sendMsMax))
      if (fault) context.output.detail(`the audit trail was not copied to ${repository}: ${fault.message}`)
  } catch (error) {
    context.output.detail(`the audit trail was not copied: ${messageOf(error)}`)
  }
}

export async function markOwed(folder: string, isOwed: boolean): Promise<void> {
  const path = join(folder, owedMark)
  if (isOwed) await writeFile(path, '', { mode: 0o600 })
  else await rm(path, { force: true })
}

async function sendTo(context: CommandContext, folder: string, name: string, msMax: number): Promise<SentTo> {
  const { world } = context
  // Also when the operation was told to stop: its limit of time is the end of this.
  const stop = new AbortController()
  const work = async (): Promise<Sent> => {
    const { repository, encoding } = await context.openRepository(name)
    return sendTrail(folder, { repository, encoding }, world, stop.signal)
  }
  try {
    const late = (): Fault =>
      new Fault('STORAGE_UNAVAILABLE', `repository ${name} took longer than ${formatDuration(msMax)}`, {
        hint: 'See whether it can be reached: `holdfast doctor`.',
      })
    return { repository: name, sent: await inTime(work(), world.clock, msMax, late), fault: undefined }
  } catch (error) {
    if (!isFault(error)) throw error
    return { repository: name, sent: undefined, fault: error }
  } finally {
    stop.abort()
  }
}
