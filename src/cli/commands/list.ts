/** `holdfast list` */
import { defineCommand, flag } from '../command.ts'
import { asOfOption, oneRepositoryOption } from './common.ts'

export const list = defineCommand({
  words: ['list'],
  summary: 'List the backups, oldest first, and which repositories hold them.',
  description:
    'Needs no key. Says what else lies there: backups that wait for their WAL, unreadable and unfinished ones. Reads an index of each ' +
    'repository, so that it takes a moment however many backups there are.',
  arguments: {},
  options: {
    repository: oneRepositoryOption,
    asOf: asOfOption,
    full: flag('Look at every object instead of the index; finds what the index missed.'),
  },
  examples: [
    { command: 'holdfast list', doc: 'A table of the backups.' },
    {
      command: 'holdfast list --json',
      doc: 'Their records (backup.json) as an array; `repositories` names those that hold each.',
    },
  ],
  async run(context, given) {
    const [{ openSources }, { readCatalogs, readRecordsOf }, { backupTable }, { tellRest }] =
      await Promise.all([
        import('../sources.ts'),
        import('../../operations/sources/catalog.ts'),
        import('../describe-backup.ts'),
        import('../describe-catalog.ts'),
      ])
    const { output, signal } = context
    const choice = { repository: given.repository, only: true, asOfMs: given.asOf }
    const sources = await openSources(context, choice, { keys: false })
    const catalog = await readCatalogs(sources.open, { full: given.full }, signal)
    const { backups } = catalog
    if (backups.length === 0) {
      const places = sources.open.map(({ repository }) => repository)
      output.note(
        `no backups of "${places[0]?.identity.cluster ?? ''}" in ${places.map(({ storage }) => storage.location).join(' and ')}`,
      )
    }
    const records = output.rule.json ? await readRecordsOf(backups, signal) : []
    const hasSeveral = sources.open.length + sources.closed.length > 1
    output.result(records, () => (backups.length === 0 ? '' : backupTable(backups, hasSeveral)))
    tellRest(output, catalog, sources.closed, hasSeveral)
    return undefined
  },
})
