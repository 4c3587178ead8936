/** `holdfast wal find` */
import type { NamePattern } from '../../postgres/dump-archive/name-pattern.ts'
import type { TargetPlace } from '../../operations/restore-dump/target-place.ts'
import { defineCommand, optionalArgument, value, values } from '../command.ts'
import { asText, asTime, asWholeNumber, usageFault } from '../usage.ts'
import { parseSchemaName, parseTableName } from '../names.ts'
import { sourceOptions } from './common.ts'

export const walFind = defineCommand({
  words: ['wal', 'find'],
  summary: 'Tell what happened to a table, and when; or what happened between two times.',
  description:
    'Reads the archived WAL. With --table it lists what became of a table: dropped, truncated, rewritten, created, renamed, altered, large ' +
    'deletes, each with its LSN, time and transaction id, and with the target that restores the state just before. It reads from the newest ' +
    'full backup on, then from the one before it, until something is found that took the table away. With --between it lists what was ' +
    'committed between two times: DDL, and how much WAL each transaction wrote. Names come from the catalogues in the backup, so the table, ' +
    'its database and its server may be gone; the live server is only asked about names that none of them has. What PostgreSQL has not archived yet is not seen.',
  operation: {},
  arguments: {
    until: optionalArgument('T2', 'The end of --between.'),
  },
  options: {
    table: values(
      'NAME',
      asText,
      'As psql takes it: public.users, "Odd.Name", sales.*; without a schema in every one. May be given several times.',
    ),
    schema: values(
      'NAME',
      asText,
      'What happened to a schema, and to all that is in it. May be given several times.',
    ),
    between: value('T1', asTime, 'Only what was committed from this time on, up to T2: --between T1 T2.'),
    database: value('NAME', asText, 'Only in this database (else in all).'),
    deletes: value(
      'ROWS',
      asWholeNumber(1, 1_000_000_000),
      'Tell of deletes of at least so many rows by one transaction (else 1000).',
    ),
    backup: value('ID', asText, 'Read from this full backup on, to the end, and no other.'),
    ...sourceOptions,
  },
  examples: [
    {
      command: 'holdfast wal find --table public.users',
      doc: 'When was it dropped, and by which transaction?',
    },
    {
      command: 'holdfast wal find --schema sales',
      doc: 'What became of a schema, and of all that was in it.',
    },
    {
      command: 'holdfast wal find --between "2026-03-01 14:00:00+00:00" "2026-03-01 15:00:00+00:00"',
      doc: 'What went on in that hour.',
    },
  ],
  async run(context, given) {
    const { table, schema, between, until, database, deletes = 1000, backup: backupId } = given
    if (table.length + schema.length === 0 && between === undefined)
      throw usageFault(
        'wal find needs --table, --schema or --between',
        'Say what to look for: --table public.users.',
      )
    if (until !== undefined && between === undefined)
      throw usageFault(`"${until}" belongs to no --between`, 'Give both times: --between T1 T2.')
    const asked = [
      ...table.map(text => ({ kind: 'table', text, pattern: parseTableName(text) }) as const),
      ...schema.map(text => ({ kind: 'schema', text, pattern: parseSchemaName(text) }) as const),
    ]
    const patternsOf = (kind: 'table' | 'schema'): readonly NamePattern[] =>
      asked.filter(one => one.kind === kind).map(({ pattern }) => pattern)
    const [{ walFind: find }, { soughtInLive, assertDatabaseKnown }, describe, { openFinder }] =
      await Promise.all([
        import('../../operations/wal-find/wal-find.ts'),
        import('../../operations/wal-find/live-names.ts'),
        import('../describe-find.ts'),
        import('../find-setup.ts'),
      ])
    const { output, signal } = context
    const deps = await openFinder(context, given)
    const to = until === undefined ? undefined : asTime(until)
    if (to !== undefined && between !== undefined && to < between)
      throw usageFault('--between ends before it begins', 'Give the earlier time first: --between T1 T2.')
    const [tables, schemas] = [patternsOf('table'), patternsOf('schema')]
    const request = { tables, schemas, database, from: between, to, backupId, deletedRowsMin: deletes }
    const report = await find(deps, request, signal)
    const place = async (): Promise<TargetPlace> => ({
      target: await context.connectionTarget(),
      environment: context.terminal.environment,
    })
    const live = await soughtInLive(place, report.unknown, request, signal)
    assertDatabaseKnown(report, database)
    output.result(describe.findRecord(report, asked, live), () => describe.findListing(report, asked, live))
    describe.assertFound(asked, live)
    return undefined
  },
})
