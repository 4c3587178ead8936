/** Removes what lies with providers of snapshots, once no repository of the configuration knows of it any more. */
import { hostname } from 'node:os'
import { isFault } from '../base/fault.ts'
import type { Outside } from '../operations/expire/settle.ts'
import { folderStates } from '../repository/folder-states.ts'
import type { OutsideSnapshot } from '../repository/format/expiry-note.ts'
import { managedIdPattern } from '../repository/format/values.ts'
import { readManaged } from '../repository/managed-records.ts'
import type { Repository } from '../repository/repository.ts'
import type { CommandContext } from './context.ts'

/** `repository`: the one whose records go now. */
export function outsideOf(context: CommandContext, repository: string): Outside {
  return {
    async remove(snapshot, signal) {
      const holder = await otherHolder(context, repository, snapshot.id, signal)
      if (holder !== undefined) return holder === 'none' ? undefined : holder
      if (isManagedOne(snapshot)) await removeManaged(context, snapshot, signal)
      else if (isElsewhere(snapshot))
        context.output.warn(
          `the snapshot ${snapshot.reference} lies on ${snapshot.host ?? ''}: the next \`holdfast snapshot\` there removes it`,
        )
      else await removeVolume(context, snapshot, signal)
      return undefined
    },
  }
}

const isManagedOne = ({ instance }: OutsideSnapshot): boolean => instance !== null

/** Seen only from the host that has the disks; asked elsewhere, they would say that it is gone. */
const isElsewhere = ({ provider, host }: OutsideSnapshot): boolean =>
  ['btrfs', 'reflink', 'zfs', 'lvm'].includes(provider) && host !== null && host !== hostname()

/** `none`: another repository still knows of it, so it is that one's to remove. Other words: nobody can tell now. */
async function otherHolder(
  context: CommandContext,
  repository: string,
  id: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { config } = await context.config()
  for (const name of Object.keys(config.repositories).filter(other => other !== repository)) {
    try {
      const { repository: other } = await context.openRepository(name)
      if (await isKnown(other, id, signal)) return 'none'
    } catch (error) {
      signal.throwIfAborted()
      if (!isFault(error)) throw error
      if (error.code !== 'REPOSITORY_MISSING')
        return `repository "${name}" may still know of it, and can not be asked: ${error.message}`
    }
  }
  return undefined
}

async function isKnown(repository: Repository, id: string, signal: AbortSignal): Promise<boolean> {
  if (managedIdPattern.test(id)) return (await readManaged(repository, id, signal)) !== undefined
  const [folder] = await folderStates(repository, [id], signal)
  return folder !== undefined && folder.state !== 'incomplete'
}

async function removeVolume(
  context: CommandContext,
  { provider: name, volume, reference, details }: OutsideSnapshot,
  signal: AbortSignal,
): Promise<void> {
  const { openProviderOf } = await import('./snapshot-setup.ts')
  const provider = await openProviderOf(context, name)
  try {
    await provider.remove({ volume, reference, details }, signal)
  } finally {
    await provider.close()
  }
}

async function removeManaged(
  context: CommandContext,
  { provider, instance, reference }: OutsideSnapshot,
  signal: AbortSignal,
): Promise<void> {
  const { managedOpener } = await import('./managed-servers.ts')
  const server = await managedOpener(context)({ provider, instance: instance ?? '' })
  try {
    await server.remove(reference, signal)
  } finally {
    await server.close()
  }
}
