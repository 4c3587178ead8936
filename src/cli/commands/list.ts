/** `holdfast list` */
import type { Sources } from '../../operations/sources/source.ts'
import { defineCommand, flag, value } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { asChoice } from '../usage.ts'
import { asOfOption, oneRepositoryOption } from './common.ts'

export const list = defineCommand({
  words: ['list'],
  summary: 'List the backups and dumps, oldest first, and which repositories hold them.',
  description:
    'Needs no key. Says what else lies there: backups that wait for their WAL, unreadable and unfinished ones. Reads an index of each ' +
    'repository, so that it takes a moment however many backups there are.',
  arguments: {},
  options: {
    repository: oneRepositoryOption,
    asOf: asOfOption,
    kind: value('KIND', asChoice('full', 'incremental', 'snapshot', 'dump'), 'Only this kind.'),
    full: flag('Look at every object instead of the index; finds what the index missed.'),
  },
  examples: [
    { command: 'holdfast list', doc: 'A table of the backups.' },
    {
      command: 'holdfast list --json',
      doc: 'Their records (backup.json) as an array; `repositories` names those that hold each.',
    },
  ],
  async run(context, given) {
    const [
      { openSources },
      { readCatalogs, readRecordsOf },
      { readAllDumps, readDumpRecordsOf },
      { catalogTable, oldestFirst },
      { notRead, tellRest, tellRestOfDumps },
      { holdsIn, withHolds },
    ] = await Promise.all([
      import('../sources.ts'),
      import('../../operations/sources/catalog.ts'),
      import('../../operations/sources/dumps.ts'),
      import('../catalog-table.ts'),
      import('../describe-catalog.ts'),
      import('../holds-of.ts'),
    ])
    const { output, signal, world } = context
    const choice = { repository: given.repository, only: true, archives: true, asOfMs: given.asOf }
    const sources = await openSources(context, choice, { keys: false })
    const catalog = await readCatalogs(sources.open, { full: given.full }, signal)
    const backups = catalog.backups.filter(
      ({ summary }) => given.kind === undefined || summary.kind === given.kind,
    )
    const united = await readAllDumps(sources.open, signal, { full: given.full })
    const dumps = given.kind === undefined || given.kind === 'dump' ? united.dumps : []
    const managed =
      given.kind === undefined || given.kind === 'snapshot'
        ? await managedEntries(context, sources)
        : { records: [], tables: [] }
    if (backups.length + dumps.length + managed.records.length === 0) {
      const places = sources.open.map(({ repository }) => repository)
      output.note(
        `no backups of "${places[0]?.identity.cluster ?? ''}" in ${places.map(({ storage }) => storage.location).join(' and ')}`,
      )
    }
    const records = output.rule.json ? await readRecordsOf(backups, signal) : []
    const hasSeveral = sources.open.length + sources.closed.length > 1
    const dumpRecords = output.rule.json ? await readDumpRecordsOf(dumps, signal) : []
    const holds = await holdsIn(sources.open, world.clock.now(), signal)
    const shown = [...oldestFirst(records, dumpRecords), ...managed.records]
    output.result(withHolds(shown, holds), () =>
      [
        ...(backups.length + dumps.length === 0
          ? []
          : [catalogTable(backups, dumps, hasSeveral, new Set(holds.map(({ id }) => id)))]),
        ...managed.tables,
      ].join('\n'),
    )
    tellRest(output, catalog, sources.closed, hasSeveral)
    const told = new Set(catalog.closed.map(({ name }) => name))
    for (const source of united.closed) if (!told.has(source.name)) output.warn(notRead(source))
    tellRestOfDumps(output, united, hasSeveral)
    return undefined
  },
})

/** Looked for only where the configuration has a managed server: everybody else is spared the request. */
async function managedEntries(
  context: CommandContext,
  sources: Sources,
): Promise<{ readonly records: readonly { readonly id: string }[]; readonly tables: readonly string[] }> {
  const { hasManagedServer } = await import('../managed-servers.ts')
  if (!(await hasManagedServer(context))) return { records: [], tables: [] }
  const [{ uniteManaged }, { managedTable }, { tellRestOfManaged }] = await Promise.all([
    import('../../operations/managed/catalog.ts'),
    import('../describe-managed.ts'),
    import('../describe-catalog.ts'),
  ])
  const united = await uniteManaged(sources.open, context.signal)
  tellRestOfManaged(context.output, united, sources.open.length > 1)
  const { known } = united
  return {
    records: known.map(({ record, repositories }) => ({ ...record, repositories })),
    tables: known.length === 0 ? [] : [managedTable(known.map(({ record }) => record))],
  }
}
