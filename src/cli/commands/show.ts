/** `holdfast show ID` */
import { argument, defineCommand } from '../command.ts'
import { asOfOption, oneRepositoryOption } from './common.ts'

export const show = defineCommand({
  words: ['show'],
  summary: 'Show one backup in full.',
  arguments: {
    id: argument('ID', 'The backup, as `list` shows it; a beginning that fits only one is enough.'),
  },
  options: { repository: oneRepositoryOption, asOf: asOfOption },
  examples: [
    {
      command: 'holdfast show 20260301T020000Z-full',
      doc: 'Times, WAL positions, sizes, checks and warnings of this backup, and where it is.',
    },
  ],
  async run(context, given) {
    const [
      { openSources },
      { readCatalogs, readCopies },
      { describeTrouble, TroubleLog },
      { chooseBackup },
      { backupListing },
      { notRead },
    ] = await Promise.all([
      import('../sources.ts'),
      import('../../operations/sources/catalog.ts'),
      import('../../operations/sources/trouble.ts'),
      import('../find-backup.ts'),
      import('../describe-backup.ts'),
      import('../describe-catalog.ts'),
    ])
    const { output, signal } = context
    const choice = { repository: given.repository, only: true, asOfMs: given.asOf }
    const sources = await openSources(context, choice, { keys: false })
    const { backups, closed } = await readCatalogs(sources.open, { full: false }, signal)
    for (const source of [...sources.closed, ...closed]) output.warn(notRead(source))
    const known = chooseBackup(backups, given.id, ({ summary }) => summary.id)
    const troubles = new TroubleLog(trouble => {
      output.warn(describeTrouble(trouble))
    })
    const copies = await readCopies(known, troubles, signal)
    const hasSeveral = sources.open.length + sources.closed.length > 1
    output.result({ ...copies[0]?.record, repositories: copies.map(({ source }) => source.name) }, () =>
      backupListing(copies, hasSeveral),
    )
    return undefined
  },
})
