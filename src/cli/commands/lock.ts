/** `holdfast lock` */
import { Fault } from '../../base/fault.ts'
import type { LoadedConfig } from '../../config/config.ts'
import { defineCommand, flag } from '../command.ts'
import { repositoryOf } from '../../operations/sources/archive-name.ts'
import type { LocksOfRepository } from '../describe-locks.ts'
import { repositoryOption } from './common.ts'

export const lock = defineCommand({
  words: ['lock'],
  summary: 'Lock what is kept against deletion, and show until when and why.',
  description:
    'For repositories whose configuration has `lock`. Backups, what they are based on and the WAL they need are locked by the storage ' +
    'itself for as long as the rules of retention are sure to keep them, and what lies in their archives for as long as is noted there. ' +
    '`backup`, `dump`, `copy` and `archive` do this at their end; run it each day where none of them runs. Locks are never shortened. ' +
    'Without --repository: all that have `lock`.',
  operation: { unless: ['dryRun'] },
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
    const [{ lockTables }, { lockPlaces }, loaded] = await Promise.all([
      import('../describe-locks.ts'),
      import('../lock-places.ts'),
      context.config(),
    ])
    const names = given.repository === undefined ? lockedRepositories(loaded) : [given.repository]
    const reports: LocksOfRepository[] = []
    for (const name of names) {
      const locked = await lockPlaces(context, name, { dryRun: given.dryRun, everything: given.all })
      if (locked.length === 0) throw withoutLock(loaded, `repositories.${repositoryOf(name)} has no \`lock\``)
      reports.push(...locked)
    }
    context.output.result(reports, () => lockTables(reports))
    return undefined
  },
})

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
