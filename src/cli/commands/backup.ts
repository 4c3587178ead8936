/** `holdfast backup` */
import { defineCommand, flag, value } from '../command.ts'
import { asChoice, asText } from '../usage.ts'
import { repositoryOption } from './common.ts'

export const backup = defineCommand({
  words: ['backup'],
  summary: 'Take a base backup.',
  description:
    'Copies the data directory while the server runs, checks every page, and waits until the WAL that the backup needs is in ' +
    'the repository. The backup exists once this command says so, and not before.',
  arguments: {},
  options: {
    full: flag('A full backup (the default).'),
    label: value('TEXT', asText, 'A note to find it by.'),
    checkpoint: value(
      'fast|spread',
      asChoice('fast', 'spread'),
      "Make a checkpoint at once, or wait for one at the server's own pace.",
    ),
    repository: repositoryOption,
  },
  examples: [
    { command: 'holdfast backup', doc: 'A full backup into the first repository of the configuration.' },
    {
      command: 'holdfast backup --label "before the upgrade" --json',
      doc: "Prints the backup's record (its backup.json) for a script.",
    },
  ],
  run() {
    throw new Error('backup is not wired yet')
  },
})
