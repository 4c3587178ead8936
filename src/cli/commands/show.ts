/** `holdfast show ID` */
import { argument, defineCommand } from '../command.ts'
import { repositoryOption } from './common.ts'

export const show = defineCommand({
  words: ['show'],
  summary: 'Show one backup in full.',
  arguments: {
    id: argument('ID', 'The backup, as `list` shows it; a beginning that fits only one is enough.'),
  },
  options: { repository: repositoryOption },
  examples: [
    {
      command: 'holdfast show 20260301T020000Z-full',
      doc: 'Times, WAL positions, sizes, checks and warnings of this backup.',
    },
  ],
  async run({ openRepository, output, signal }, given) {
    const [{ findBackup }, { backupListing }] = await Promise.all([
      import('../find-backup.ts'),
      import('../describe-backup.ts'),
    ])
    const { repository } = await openRepository(given.repository)
    const record = await findBackup(repository, given.id, signal)
    output.result(record, () => backupListing(record))
    return undefined
  },
})
