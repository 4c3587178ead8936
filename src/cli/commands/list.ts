/** `holdfast list` */
import { defineCommand } from '../command.ts'
import { repositoryOption } from './common.ts'

export const list = defineCommand({
  words: ['list'],
  summary: 'List the backups in a repository, oldest first.',
  arguments: {},
  options: { repository: repositoryOption },
  examples: [
    { command: 'holdfast list', doc: 'A table of the backups.' },
    { command: 'holdfast list --json', doc: 'Their records (backup.json) as an array.' },
  ],
  run() {
    throw new Error('list is not wired yet')
  },
})
