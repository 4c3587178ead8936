/** `holdfast restore-table TABLE…` */
import { defineCommand, flag, severalArguments, value, values } from '../command.ts'
import { asLsn, asText, asTime, asTimeline, asTransactionId } from '../usage.ts'
import { skipErasuresOption, sourceOptions } from './common.ts'

export const restoreTable = defineCommand({
  words: ['restore-table'],
  summary: 'Bring back tables, a schema or a database as they were at any point, without restoring the rest.',
  description:
    'Makes a scratch cluster that holds the catalogues and the files of these tables; everything else is sparse and is never ' +
    'fetched. It replays the WAL to the target, without what is not there; requests to forget a person are applied to it; and it ' +
    'is read to its last page. Only then the live server is touched: the tables come into a schema of their own, with definition, rows, indexes, constraints, comments and privileges, and get to ' +
    'their place in one transaction. The scratch cluster is removed, whatever happens. Without a word on where they go, they come into the ' +
    'schema "restored". A whole schema (--schema) comes with its views, functions, types and whatever else is in it, a whole database ' +
    '(--whole-database) as a new one: both under their own names, when these are free.',
  operation: { unless: ['plan'], target: ['into', 'as', 'database'] },
  keepsToRates: true,
  arguments: {
    tables: severalArguments(
      'TABLE',
      'As psql takes it: public.users, "Odd.Name", sales.*. Partitions come with their table.',
    ),
  },
  options: {
    schema: values(
      'NAME',
      asText,
      'In place of tables: this whole schema, with all that is in it. May be given several times.',
    ),
    wholeDatabase: flag('In place of tables: the whole database (--database), into a new one.'),
    beforeDrop: flag('To the moment before it was dropped, which is looked for in the WAL.'),
    latest: flag('To the end of the archived WAL.'),
    toTime: value('TIME', asTime, 'To this time, with its offset: "2026-03-01 14:30:00+00:00".'),
    toLsn: value('LSN', asLsn, 'To this position in the WAL: 16/B374D848.'),
    toXid: value('XID', asTransactionId, 'To the commit of this transaction.'),
    toName: value('NAME', asText, 'To this restore point (pg_create_restore_point).'),
    toImmediate: flag('Only until the backup is consistent: to its own end.'),
    exclusive: flag('Stop just before the target instead of just after it.'),
    timeline: value(
      'T',
      asTimeline,
      'The timeline to follow: a number, "latest" (the default) or "current".',
    ),
    backup: value('ID', asText, 'Start from this full backup (else the latest one before the target).'),
    database: value(
      'NAME',
      asText,
      'The database of the tables or the schema (else that of the connection in the configuration).',
    ),
    into: value(
      'SCHEMA',
      asText,
      'Put them into this schema of the live server, made if need be (else "restored").',
    ),
    as: value('NAME', asText, 'Put the one table, schema or database beside the original, under this name.'),
    replace: flag(
      'Put them in place of the originals: tables are moved into a schema "replaced_…", a schema is renamed to that, a database to "…_before_…". Nothing is dropped.',
    ),
    scratchDir: value('DIR', asText, 'Make the scratch cluster in this folder (else in the temporary one).'),
    skipErasures: skipErasuresOption,
    plan: flag('Show how much is fetched and how long it takes, and stop.'),
    ...sourceOptions,
  },
  examples: [
    {
      command: 'holdfast restore-table public.users --before-drop',
      doc: 'As it was just before, into the schema restored.',
    },
    {
      command: 'holdfast restore-table public.orders --to-time "2026-03-01 14:25:00+00:00" --as orders_1425',
      doc: 'Beside the original, to compare them.',
    },
    { command: 'holdfast restore-table public.users --before-drop --replace', doc: 'Back to where it was.' },
    {
      command: 'holdfast restore-table --schema sales --before-drop',
      doc: 'A schema that was dropped, with all that was in it.',
    },
    {
      command: 'holdfast restore-table --whole-database --database shop --before-drop',
      doc: 'A database that was dropped.',
    },
  ],
  async run(context, given) {
    const [
      { layOutTable },
      { restoreTables },
      { tableListing, tableRecord, tablePlanListing, tablePlanRecord },
      { forgetInTables, tableErasures },
      { erasurePlanLines, erasurePlanRecord },
      { noteSkipped },
    ] = await Promise.all([
      import('../restore-table-setup.ts'),
      import('../../operations/restore-table/restore-table.ts'),
      import('../describe-restore-table.ts'),
      import('../table-erasures.ts'),
      import('../describe-erasures.ts'),
      import('../erasures.ts'),
    ])
    const { output, log, signal } = context
    await using laidOut = await layOutTable(context, given)
    const { deps, request, tables } = laidOut
    const erasures = await tableErasures(context, given, tables, request.database)
    const plan = { ...tablePlanRecord(tables.plan), erasures: erasurePlanRecord(erasures) }
    const how = 'applied before anything is copied; tables that they look into are fetched, too'
    const listing = tablePlanListing(
      tables.plan,
      request,
      erasurePlanLines(erasures, { standby: false, how }),
    )
    if (given.plan) {
      output.result({ plan }, () => listing)
      return undefined
    }
    output.note(listing.trimEnd())
    await noteSkipped(context, erasures, { operation: 'restore-table', from: tables.plan.plan.backup.id })
    const forget = forgetInTables(context, erasures, tables)
    const report = await restoreTables({ ...deps, log, erasures: forget }, request, tables, signal)
    for (const warning of report.warnings) output.warn(warning)
    output.result({ plan, result: tableRecord(report) }, () => tableListing(report))
    return undefined
  },
})
