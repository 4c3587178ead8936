/** `holdfast hold`, `holdfast hold list` */
import { defineCommand, flag, optionalArgument, value, type Command } from '../command.ts'
import { asText, asTime } from '../usage.ts'

const hold = defineCommand({
  words: ['hold'],
  summary: 'Keep a backup from expiring, whatever retention says; or list what is held.',
  description:
    'For what has to be kept longer than planned: for a court, an audit, or a restore that is being looked into. With what it is based ' +
    'on and the WAL that makes it consistent it stays until that time, or until it is released; in every repository (and archive) ' +
    'that has it, unless one is named. Holding it again gives it another reason and time. Who held and released what stays written ' +
    'in the repository. Without ID: a list of what is held. A hold is no lock: who may delete in the storage still may.',
  operation: { needs: ['id'] },
  arguments: {
    id: optionalArgument('ID', 'The backup, dump or snapshot; a beginning that fits only one is enough.'),
  },
  options: {
    reason: value('TEXT', asText, 'Why, for whoever wonders later.'),
    until: value(
      'TIME',
      asTime,
      'Until when, with its offset: 2027-01-01T00:00Z. Without it: until it is released.',
    ),
    release: flag('It need not be held any more.'),
    repository: value('NAME', asText, 'Only in this repository, or `main/archive` (else all that have it).'),
  },
  examples: [
    {
      command: 'holdfast hold 20260301T020000Z-full --reason "case 4711" --until 2027-01-01T00:00Z',
      doc: 'Does not expire before that.',
    },
    {
      command: 'holdfast hold 20260301T020000Z-full --release --reason "case closed"',
      doc: 'Retention decides again.',
    },
    { command: 'holdfast hold', doc: 'What is held, why, and by whom.' },
  ],
  async run(context, given) {
    const { runHold } = await import('../run-hold.ts')
    return runHold(context, given)
  },
})

const list = defineCommand({
  words: ['hold', 'list'],
  summary: 'List what is held: until when, why, and by whom.',
  description: 'The same as `holdfast hold` without ID.',
  arguments: {},
  options: {
    repository: value('NAME', asText, 'Only in this repository, or `main/archive` (else all).'),
  },
  examples: [{ command: 'holdfast hold list --json', doc: 'For other programs.' }],
  async run(context, { repository }) {
    const { runHold } = await import('../run-hold.ts')
    return runHold(context, {
      id: undefined,
      reason: undefined,
      until: undefined,
      release: false,
      repository,
    })
  },
})

export const holdCommands: readonly Command[] = [hold, list]
