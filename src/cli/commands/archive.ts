/** `holdfast archive` */
import { parseSpan, type KeepSpan } from '../../base/units.ts'
import { defineCommand, flag, optionalArgument, value } from '../command.ts'
import { usageFault } from '../usage.ts'
import { repositoryOption } from './common.ts'

export const archive = defineCommand({
  words: ['archive'],
  summary: 'Keep one backup of each month for years, by copying inside the repository.',
  description:
    'Carries out the rules of `archives`: picks the first (or last) good backup of each period, with what it is based on and the ' +
    'WAL that makes it consistent, and copies it inside its repository to the storage class of the archive. Nothing is backed up ' +
    'again, no key is needed, and what is sealed stays sealed. What was archived stays when the original expires. Running it again ' +
    'has nothing to do, or goes on where it was cut off. With an ID, archives that one by hand.',
  operation: { unless: ['dryRun'] },
  keepsToRates: true,
  arguments: {
    what: optionalArgument(
      'RULE|ID',
      'Only this rule of the configuration, or this backup (then with --keep).',
    ),
  },
  options: {
    keep: value('TIME', asSpan, 'How long what is archived by hand is kept: 400d, 18mo, 1y, forever.'),
    repository: repositoryOption,
    dryRun: flag('Only show what would be archived, what lies there, and why.'),
  },
  examples: [
    { command: 'holdfast archive', doc: 'Carries out all rules; run it every night after the backup.' },
    {
      command: 'holdfast archive --dry-run',
      doc: 'What would be done, and what lies in the archive until when.',
    },
    {
      command: 'holdfast archive 20260301T020000Z-full --keep 10y',
      doc: 'Keeps this one for ten years.',
    },
  ],
  async run(context, given) {
    const { runArchive } = await import('../run-archive.ts')
    return runArchive(context, given)
  },
})

function asSpan(text: string): KeepSpan {
  const span = parseSpan(text)
  if (span !== undefined) return span
  throw usageFault(`"${text}" is not a time to keep`, 'Write it as 400d, 18mo, 1y or forever.')
}
