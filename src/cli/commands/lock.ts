/** `holdfast lock` */
import { Fault } from '../../base/fault.ts'
import type { LoadedConfig } from '../../config/config.ts'
import { defineCommand, flag } from '../command.ts'
import type { CommandContext } from '../context.ts'
import type { LocksOfRepository } from '../describe-locks.ts'
import { repositoryOption } from './common.ts'

export const lock = defineCommand({
  words: ['lock'],
  summary: 'Lock what is kept against deletion, and show until when and why.',
  description:
    'For repositories whose configuration has `lock`. Backups, what they are based on and the WAL they need are locked by the storage ' +
    'itself for as long as the rules of retention are sure to keep them. `backup` and `copy` do this at their end; run it ' +
    'each day where neither runs. Locks are never shortened. Without --repository: all that have `lock`.',
  arguments: {},
  options: {
    repository: repositoryOption,
    dryRun: flag('Only show what would be locked.'),
    all: flag('Look at every object again instead of believing the notes of earlier runs; after a repair.'),
  },
  examples: [
    { command: 'holdfast lock', doc: 'Extends what is due, and shows a table.' },
    { command: 'holdfast lock --dry-run --json', doc: 'What would be locked, for a program.' },
  ],
  async run(context, given) {
    const { lockTables } = await import('../describe-locks.ts')
    const loaded = await context.config()
    const names = given.repository === undefined ? lockedRepositories(loaded) : [given.repository]
    const reports: LocksOfRepository[] = []
    for (const name of names)
      reports.push(await lockRepository(context, name, { dryRun: given.dryRun, everything: given.all }))
    context.output.result(reports, () => lockTables(reports))
    return undefined
  },
})

async function lockRepository(
  context: CommandContext,
  name: string,
  options: { readonly dryRun: boolean; readonly everything: boolean },
): Promise<LocksOfRepository> {
  const { config, openRepository, world, progress, log, signal } = context
  const [{ extendLocks }, { lockRulesOf }, { volumeLocker }] = await Promise.all([
    import('../../operations/lock/extend-locks.ts'),
    import('../../operations/lock/lock-rules.ts'),
    import('../lock-volumes.ts'),
  ])
  const loaded = await config()
  const { repository } = await openRepository(name)
  const rules = lockRulesOf(loaded.config, name)
  if (!rules) throw withoutLock(loaded, `repositories.${name} has no \`lock\``)
  const deps = { repository, rules, world, progress, log, lockVolumes: volumeLocker(context) }
  const report = await extendLocks(deps, options, signal)
  return { repository: name, ...report }
}

function lockedRepositories(loaded: LoadedConfig): readonly string[] {
  const names = Object.entries(loaded.config.repositories)
    .filter(([, { lock: rule }]) => rule !== undefined)
    .map(([name]) => name)
  if (names.length === 0) throw withoutLock(loaded, 'no repository has `lock`')
  return names
}

function withoutLock({ path }: LoadedConfig, what: string): Fault {
  return new Fault('CONFIG_INVALID', `${what} in ${path}`, {
    hint: 'Say how long objects are locked, for example lock: { mode: governance, keep: policy }, in a bucket that was made with object lock.',
  })
}
