/** `holdfast privacy report` */
import { defineCommand, flag } from '../command.ts'

export const privacyReportCommand = defineCommand({
  words: ['privacy', 'report'],
  summary: 'Where backups lie, who can open them, how long they stay, and who read them.',
  description:
    'Made from the configuration, the repositories and the audit trails of all hosts that they hold, in the form that a record of processing (GDPR, article 30) ' +
    'needs. What only people know is left to be filled in. Without a key only the audit trail of this host is read, and that is told.',
  arguments: {},
  options: { markdown: flag('As a page in Markdown.') },
  examples: [
    { command: 'holdfast privacy report', doc: 'To read.' },
    {
      command: 'holdfast privacy report --markdown > processing-backups.md',
      doc: 'For the record of processing.',
    },
  ],
  async run(context, { markdown }) {
    const [{ privacyReport }, { privacyMarkdown, privacyText }] = await Promise.all([
      import('../privacy-report.ts'),
      import('../describe-privacy.ts'),
    ])
    const report = await privacyReport(context)
    context.output.result(report, () => (markdown ? privacyMarkdown(report) : privacyText(report)))
    return undefined
  },
})
