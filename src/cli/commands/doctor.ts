/** `holdfast doctor` */
import { defineCommand } from '../command.ts'
import { repositoryOption } from './common.ts'

export const doctor = defineCommand({
  words: ['doctor'],
  summary: 'Look at everything, and say what to change.',
  description:
    'Looks at the server, settings, rights, storage, keys, clocks, tools and space. Exits with 60 when something has to be changed.',
  arguments: {},
  options: { repository: repositoryOption },
  examples: [
    {
      command: 'holdfast doctor',
      doc: 'One line for each thing that was looked at; what to change stands under it.',
    },
  ],
  run() {
    throw new Error('doctor is not wired yet')
  },
})
