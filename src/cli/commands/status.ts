/** `holdfast status` */
import { defineCommand } from '../command.ts'

/** As plugins of Nagios and its kin end. */
const exits = { ok: undefined, warning: 1, critical: 2, unknown: 3 } as const

export const status = defineCommand({
  words: ['status'],
  summary: 'Show every repository at a glance: backups, what can be restored, and who is behind.',
  description:
    'Asks all repositories of the configuration at the same time, each for at most half a minute; needs no key, and no server. ' +
    'On the host of the server it also tells what is owed to a repository: WAL that PostgreSQL was told is safe, since enough others have it. ' +
    'Exit status as monitoring plugins have it: 0 all is well, 1 warning, 2 critical, 3 nothing could be told. ' +
    'A finding says what to do about it.',
  arguments: {},
  options: {},
  examples: [
    { command: 'holdfast status', doc: 'A table, and what needs attention.' },
    { command: 'holdfast status --json', doc: 'The same for programs: `state`, `repositories`, `findings`.' },
  ],
  async run(context) {
    const [{ gatherStatus }, { statusText }] = await Promise.all([
      import('../gather-status.ts'),
      import('../describe-status.ts'),
    ])
    const report = await gatherStatus(context)
    context.output.result(report, () => statusText(report))
    return exits[report.state]
  },
})
