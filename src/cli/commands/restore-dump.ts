/** `holdfast restore-dump` */
import { limits } from '../../base/limits.ts'
import { argument, defineCommand, flag, secretValue, value, values } from '../command.ts'
import { asText, asWholeNumber } from '../usage.ts'
import { skipErasuresOption, sourceOptions, thawOption } from './common.ts'

export const restoreDump = defineCommand({
  words: ['restore-dump'],
  summary: 'Bring one database back from a dump.',
  description:
    "Restores beside whatever is there, in parallel and straight from the repository, with the server's own pg_restore; then compares " +
    'the rows of every table with what the dump recorded, and only then gives the database its name. However it ends, nothing half done ' +
    'is left. With several repositories, each object is read from the first that has it whole.',
  operation: { unless: ['plan'], target: ['database'] },
  keepsToRates: true,
  arguments: { id: argument('ID', 'The dump: its id, the beginning of it, or "latest".') },
  options: {
    database: value('NAME', asText, 'The database to make.'),
    from: value('NAME', asText, 'The dumped database, when the dump holds several and it had another name.'),
    replace: flag(
      'Take the place of a database of this name, when all went well: sessions in it are ended, the names are swapped, it is dropped.',
    ),
    keepOld: flag('With --replace: keep the database that was replaced, under another name.'),
    schema: values('PATTERN', asText, 'Only these schemas: sales, "Odd Name", log_*.'),
    excludeSchema: values('PATTERN', asText, 'Not these schemas.'),
    table: values(
      'PATTERN',
      asText,
      'Only these tables, with their rows, indexes, constraints, triggers and privileges, and the types and functions they need: sales.orders, log_*.',
    ),
    excludeTable: values('PATTERN', asText, 'Not these tables, and nothing that needs them.'),
    noOwner: flag(
      'What is restored belongs to the connecting role; what roles are set to in this database is left out.',
    ),
    noPrivileges: flag('Leave GRANT and REVOKE out.'),
    noTablespaces: flag('Put everything into the usual tablespace.'),
    globals: flag(
      'Make the roles of the dump first, with their passwords. Roles that exist are left as they are.',
    ),
    jobs: value(
      'N',
      asWholeNumber(1, limits.workersMax),
      'So many tables, and then indexes, at the same time (else as many as workers).',
    ),
    connection: secretValue(
      'STRING',
      asText,
      'The server to restore into (else that of the configuration). Others can read a command line: for one with a password use --connection-file, or the environment variable HOLDFAST_RESTORE_CONNECTION.',
    ),
    connectionFile: value('FILE', asText, 'A file that holds the connection string.'),
    keepDifferent: flag('Keep a restored database whose rows differ, under its temporary name.'),
    plan: flag('Show the plan and stop.'),
    thaw: thawOption,
    skipErasures: skipErasuresOption,
    ...sourceOptions,
  },
  examples: [
    {
      command: 'holdfast restore-dump 20260301T020000Z-dump --database shop_yesterday',
      doc: 'Beside the living database.',
    },
    {
      command: 'holdfast restore-dump 20260301T020000Z-dump --database shop --replace --keep-old',
      doc: 'In the place of it; the old one stays under another name.',
    },
    {
      command:
        'holdfast restore-dump 20260301T020000Z-dump --database rescued --from shop --table sales.orders',
      doc: 'One table, to copy lost rows from.',
    },
    {
      command:
        'holdfast restore-dump 20260301T020000Z-dump --database shop --globals --connection-file /root/new-server',
      doc: 'Into a new, empty server.',
    },
    {
      command: 'holdfast restore-dump 20250101T020000Z-dump --database shop_2025 --from shop --thaw bulk',
      doc: 'From the archive, out of a cold storage class.',
    },
  ],
  async run(context, given) {
    const [
      { layOutFromWords },
      { coldListing, coldRecord, planListing, planRecord, plannedTables, reportListing },
      { restoreDump: carryOut },
      { notRead },
      { thawFirst },
      { appliedLines, appliedRecord, erasurePlanLines, erasurePlanRecord },
      { noteSkipped },
      { listingOf },
    ] = await Promise.all([
      import('../restore-dump-setup.ts'),
      import('../describe-restore-dump.ts'),
      import('../../operations/restore-dump/restore-dump.ts'),
      import('../describe-catalog.ts'),
      import('../thaw-first.ts'),
      import('../describe-erasures.ts'),
      import('../erasures.ts'),
      import('../table.ts'),
    ])
    const { output, signal } = context
    const laidOut = await layOutFromWords(context, given)
    const { deps, thaw } = laidOut
    for (const source of laidOut.closed) output.warn(notRead(source))
    if (thaw && given.plan) {
      output.result({ plan: coldRecord(laidOut, thaw) }, () => coldListing(laidOut, thaw))
      return undefined
    }
    if (thaw) {
      output.note(coldListing(laidOut, thaw).trimEnd())
      await thawFirst(context, given, thaw)
    }
    const plan = await laidOut.plan()
    const { ahead, outcomes } = laidOut.erasures
    const record = { ...planRecord(deps, plan, thaw), erasures: erasurePlanRecord(ahead) }
    const listing = planListing(deps, plan) + listingOf(erasurePlanLines(ahead, { standby: false }))
    if (given.plan) {
      output.result({ plan: { ...record, tables: plannedTables(plan) } }, () => listing)
      return undefined
    }
    output.note(listing.trimEnd())
    await noteSkipped(context, ahead, { operation: 'restore-dump', from: plan.record.id })
    const report = await carryOut(deps, plan, signal)
    for (const warning of report.warnings) output.warn(warning)
    output.result(
      { plan: record, result: report, erasures: outcomes.map(appliedRecord) },
      () => reportListing(report) + listingOf(appliedLines(outcomes)),
    )
    return undefined
  },
})
