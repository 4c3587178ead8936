/** `holdfast status` */
import { defineCommand, flag } from '../command.ts'

/** As plugins of Nagios and its kin end. */
const exits = { ok: undefined, warning: 1, critical: 2, unknown: 3 } as const

export const status = defineCommand({
  words: ['status'],
  summary:
    'Show at a glance whether the promises hold: objectives, repositories, the server, and what to do.',
  description:
    'Asks all repositories of the configuration and the server at the same time, each for at most half a minute; needs no key. ' +
    'The first line is the verdict; then what would be lost now against `objectives`, the repositories, and what needs attention: ' +
    'each finding says what to do about it, and which page tells more. A server that can not be reached is no finding: what would be ' +
    'lost is told as "at most" then. On the host of the server it also tells what is owed to a repository, and when the disk of ' +
    'pg_wal will be full. Exit status as monitoring plugins have it: 0 all is well, 1 warning, 2 critical, 3 nothing could be told.',
  arguments: {},
  options: {
    nagios: flag('One line with data to draw, as plugins of Nagios, Icinga and their kin print it.'),
  },
  examples: [
    { command: 'holdfast status', doc: 'The verdict, a table, and what needs attention.' },
    { command: 'holdfast status --json', doc: 'The same for programs: docs/status.md names the fields.' },
    { command: 'holdfast status --nagios', doc: 'As a check of a monitoring server.' },
  ],
  async run(context, { nagios }) {
    const [{ gatherStatus }, { statusText }, { nagiosText }] = await Promise.all([
      import('../gather-status.ts'),
      import('../describe-status.ts'),
      import('../describe-nagios.ts'),
    ])
    const report = await gatherStatus(context)
    context.output.result(report, () => (nagios ? nagiosText(report) : statusText(report)))
    return exits[report.state]
  },
})
