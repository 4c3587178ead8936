/** `holdfast expire` */
import { defineCommand, flag, value, values } from '../command.ts'
import { asText } from '../usage.ts'

export const expire = defineCommand({
  words: ['expire'],
  summary: 'Remove what retention lets go, and show what survives and why.',
  description:
    'Each repository by its own `retention`, and its archive by what its notes say. Never removes what a kept backup is based on, WAL ' +
    'that a kept backup or the window needs, the last good backups, what is held or locked, what a copy is still to receive, or what ' +
    'it does not know. --dry-run shows a calendar and a reason for each; without it, exactly that is done, after asking at a terminal. ' +
    'It also removes unfinished backups that nobody touched for a day, and finishes what an earlier run was cut off at. Needs no key, ' +
    'and the rights of a keeper. See docs/retention.md.',
  operation: { unless: ['dryRun'] },
  arguments: {},
  options: {
    repository: value(
      'NAME',
      asText,
      'Only this repository and its archive; `main/archive`: only that (else all).',
    ),
    without: values(
      'NAME',
      asText,
      'Do not wait for this repository to receive anything: it is lost for good. May be given several times.',
    ),
    dryRun: flag('Only show what would be removed, what survives, and why.'),
    yes: flag('Do not ask.'),
  },
  examples: [
    { command: 'holdfast expire --dry-run', doc: 'A calendar of what survives, and a reason for each.' },
    { command: 'holdfast expire --yes', doc: 'Does it; run it each day, after the backup.' },
  ],
  async run(context, given) {
    const { runExpire } = await import('../run-expire.ts')
    return runExpire(context, given)
  },
})
