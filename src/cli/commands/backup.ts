/** `holdfast backup` */
import { faultCatalogue } from '../../base/fault.ts'
import { defineCommand, flag, value } from '../command.ts'
import { asChoice, asText } from '../usage.ts'
import { repositoryOption } from './common.ts'

export const backup = defineCommand({
  words: ['backup'],
  summary: 'Take a base backup.',
  description:
    'Copies the data directory while the server runs, checks every page, and waits until the WAL that the backup needs is in ' +
    'the repository. The backup exists once this command says so, and not before. Exits with 61 when it is complete and ' +
    'pages of the source are corrupt.',
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
  async run(context, given) {
    const { output, signal } = context
    const [{ backUp }, { backupDeps, backupRequest }, { backupSummary, corruptionLines }] = await Promise.all(
      [
        import('../../operations/backup/backup.ts'),
        import('../backup-setup.ts'),
        import('../describe-backup.ts'),
      ],
    )
    const deps = await backupDeps(context, given.repository)
    const record = await backUp(deps, await backupRequest(context, given), signal)
    output.result(record, () => backupSummary(record))
    if (record.checks.pagesCorrupt === 0) return undefined
    for (const line of corruptionLines(record)) output.warn(line)
    return faultCatalogue.BACKUP_DAMAGED_PAGES.exit
  },
})
