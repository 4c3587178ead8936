/** `holdfast verify` */
import { defineCommand, optionalArgument } from '../command.ts'
import { repositoryOption } from './common.ts'

export const verify = defineCommand({
  words: ['verify'],
  summary: 'Read back what is stored and check all of it.',
  description:
    "Reads every object: hashes, seals, compressed frames, files, page checksums, and the WAL from each backup's start on. " +
    'Damage is reported by backup and file, with what it costs. Exits with 25 when there is any.',
  arguments: { id: optionalArgument('ID', 'Only this backup and the WAL it needs.') },
  options: { repository: repositoryOption },
  examples: [
    { command: 'holdfast verify', doc: 'Everything in the first repository.' },
    {
      command: 'holdfast verify 20260301T020000Z-full',
      doc: 'One backup, and the WAL that it needs to become consistent.',
    },
  ],
  run() {
    throw new Error('verify is not wired yet')
  },
})
