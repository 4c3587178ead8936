/** `holdfast backup` */
import { faultCatalogue } from '../../base/fault.ts'
import { defineCommand, flag, value } from '../command.ts'
import { behindLine, settleBehind, statesOf } from '../settle-behind.ts'
import { asChoice, asText } from '../usage.ts'
import { repositoryOption } from './common.ts'

export const backup = defineCommand({
  words: ['backup'],
  summary: 'Take a base backup.',
  description:
    'Copies the data directory while the server runs, checks every page, and waits until the WAL that the backup needs is in ' +
    'the repository. The backup exists once this command says so, and not before. With `write: all` it is written to several ' +
    'repositories at once, and goes on as long as there is one. Exits with 61 when it is complete and pages of the source are ' +
    'corrupt, and with 37 when it is complete and not in all of those repositories.',
  operation: {},
  keepsToRates: true,
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
    const [{ backUp }, { backupSetup, backupRequest }, { backupSummary, corruptionLines }, { lockAfterAll }] =
      await Promise.all([
        import('../../operations/backup/backup.ts'),
        import('../backup-setup.ts'),
        import('../describe-backup.ts'),
        import('../lock-after.ts'),
      ])
    const setup = await backupSetup(context, given.repository)
    const outcome = await backUp(setup.deps, await backupRequest(context, given), signal)
    const { record } = outcome
    const settled = await settleBehind(context, setup, outcome)
    const { whole, behind } = settled
    const repositories = statesOf(settled)
    output.result(repositories.length > 1 ? { ...record, repositories } : record, () => backupSummary(record))
    const [from = ''] = whole
    for (const { name, fault } of behind) output.warn(behindLine(record.id, { from, to: name }, fault))
    const unlocked = await lockAfterAll(context, whole)
    if (record.checks.pagesCorrupt > 0) {
      for (const line of corruptionLines(record)) output.warn(line)
      return faultCatalogue.BACKUP_DAMAGED_PAGES.exit
    }
    if (behind.length > 0) return faultCatalogue.REPOSITORY_BEHIND.exit
    return unlocked && faultCatalogue[unlocked.code].exit
  },
})
