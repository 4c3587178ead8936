/** `holdfast list` */
import { defineCommand, flag } from '../command.ts'
import { repositoryOption } from './common.ts'

export const list = defineCommand({
  words: ['list'],
  summary: 'List the backups in a repository, oldest first.',
  description:
    'Needs no key. Says what else lies there: backups that wait for their WAL, unreadable and unfinished ones. Reads an index of the ' +
    'repository, so that it takes a moment however many backups there are.',
  arguments: {},
  options: {
    repository: repositoryOption,
    full: flag('Look at every object instead of the index; finds what the index missed.'),
  },
  examples: [
    { command: 'holdfast list', doc: 'A table of the backups.' },
    { command: 'holdfast list --json', doc: 'Their records (backup.json) as an array.' },
  ],
  async run({ openRepository, output, signal }, given) {
    const [{ readBackups, readCatalog, scanCatalog }, { backupTable }, { counted }] = await Promise.all([
      import('../../repository/catalog.ts'),
      import('../describe-backup.ts'),
      import('../table.ts'),
    ])
    const { repository } = await openRepository(given.repository)
    const catalog = await (given.full ? scanCatalog : readCatalog)(repository, signal)
    const { backups, awaiting, damaged, incomplete } = catalog
    const shown =
      output.rule.json && !given.full
        ? await readBackups(
            repository,
            backups.map(({ id }) => id),
            signal,
          )
        : backups
    if (backups.length === 0)
      output.note(`no backups of "${repository.identity.cluster}" in ${repository.storage.location}`)
    output.result(shown, () => (backups.length === 0 ? '' : backupTable(backups)))
    for (const { id } of awaiting) output.warn(`${id} is copied whole, and waits for its WAL to arrive`)
    for (const { id, fault } of damaged) output.warn(`${id} can not be read: ${fault.message}`)
    if (incomplete.length > 0)
      output.note(
        `${counted(incomplete.length, 'unfinished backup')}: ${incomplete.map(({ id }) => id).join(', ')}`,
      )
    return undefined
  },
})
