/** `holdfast wal status` */
import { defineCommand } from '../command.ts'
import { repositoryOption } from './common.ts'

export const walStatus = defineCommand({
  words: ['wal', 'status'],
  summary: 'Show what can be restored: the window, and its gaps.',
  description:
    'For each timeline, the spans of WAL that are stored and what is missing between them. Exits with 62 when there are gaps.',
  arguments: {},
  options: { repository: repositoryOption },
  examples: [{ command: 'holdfast wal status', doc: 'The window of every timeline, as LSNs and times.' }],
  run() {
    throw new Error('wal status is not wired yet')
  },
})
