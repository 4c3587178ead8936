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
      doc: 'Times, WAL positions, sizes, checks and settings of this backup.',
    },
  ],
  run() {
    throw new Error('show is not wired yet')
  },
})
