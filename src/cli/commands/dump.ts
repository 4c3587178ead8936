/** `holdfast dump` */
import { faultCatalogue } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { defineCommand, severalArguments, value, values } from '../command.ts'
import { behindLine, settleBehind, statesOf } from '../settle-behind.ts'
import { asDuration, asText, asWholeNumber } from '../usage.ts'
import { repositoryOption } from './common.ts'

export const dump = defineCommand({
  words: ['dump'],
  summary: 'Dump databases with pg_dump, and the globals.',
  description:
    "Runs the server's own pg_dump, uncompressed, and stores what it gives at once: compressed and encrypted, without using the " +
    'local disk. The globals (roles, tablespaces, settings) are always dumped, too. Each database has a snapshot of its own, ' +
    'taken when its turn comes. With `write: all` it is written to several repositories at ' +
    'once, and goes on as long as there is one; exits with 37 when it is complete and not in all of them.',
  operation: {},
  keepsToRates: true,
  arguments: {
    databases: severalArguments('DATABASE', 'The databases; else all that allow connections.'),
  },
  options: {
    schema: values(
      'PATTERN',
      asText,
      'Only schemas that fit, as pg_dump --schema. May be given several times.',
    ),
    excludeSchema: values('PATTERN', asText, 'Not these schemas.'),
    table: values('PATTERN', asText, 'Only tables that fit, as pg_dump --table.'),
    excludeTable: values('PATTERN', asText, 'Not these tables.'),
    excludeTableData: values('PATTERN', asText, 'These tables without their rows.'),
    jobs: value(
      'N',
      asWholeNumber(1, limits.dumpJobsMax),
      'Dump so many tables at the same time, in one snapshot. More than 1 makes the shape of a directory, which `dump-fetch` gives as one.',
    ),
    lockWait: value(
      'DURATION',
      asDuration,
      'Give up when a table is locked by somebody else for so long. Else it is waited for (with several jobs: a minute).',
    ),
    label: value('TEXT', asText, 'A note to find it by.'),
    repository: repositoryOption,
  },
  examples: [
    { command: 'holdfast dump', doc: 'All databases and the globals.' },
    {
      command: 'holdfast dump shop --exclude-table-data "log*" --jobs 2 --lock-wait 1m',
      doc: 'One database, two tables at a time, the logs without their rows.',
    },
  ],
  async run(context, given) {
    const { output, signal } = context
    const [{ dump: dumpDatabases }, { dumpSetup, dumpRequest }, { dumpSummaryText }, { lockAfterAll }] =
      await Promise.all([
        import('../../operations/dump/dump.ts'),
        import('../dump-setup.ts'),
        import('../describe-dump.ts'),
        import('../lock-after.ts'),
      ])
    const setup = await dumpSetup(context, given.repository)
    const outcome = await dumpDatabases(setup.deps, await dumpRequest(context, given), signal)
    const { record } = outcome
    const settled = await settleBehind(context, setup, outcome)
    const { whole, behind } = settled
    const repositories = statesOf(settled)
    output.result(repositories.length > 1 ? { ...record, repositories } : record, () =>
      dumpSummaryText(record),
    )
    const [from = ''] = whole
    for (const { name, fault } of behind) output.warn(behindLine(record.id, { from, to: name }, fault))
    for (const warning of record.warnings) output.warn(warning)
    const unlocked = await lockAfterAll(context, whole)
    if (behind.length > 0) return faultCatalogue.REPOSITORY_BEHIND.exit
    return unlocked && faultCatalogue[unlocked.code].exit
  },
})
