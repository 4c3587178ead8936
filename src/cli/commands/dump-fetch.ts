/** `holdfast dump-fetch ID FILE` */
import { argument, defineCommand, flag, value } from '../command.ts'
import { asText, usageFault } from '../usage.ts'
import { sourceOptions, thawOption } from './common.ts'

export const dumpFetch = defineCommand({
  words: ['dump-fetch'],
  summary: 'Fetch a dump as the plain file or directory that pg_restore takes.',
  description:
    'Gives the very bytes that pg_dump wrote: a file in the custom format, or, of a dump with several jobs, a new directory. Needs the ' +
    'secret key of an encrypted repository. Nothing is replaced, and what is not complete is not left behind.',
  operation: { target: ['file'] },
  keepsToRates: true,
  arguments: {
    id: argument(
      'ID',
      'The dump, as `list` shows it; a beginning that fits only one is enough. `latest`: the newest.',
    ),
    file: argument('FILE', 'Where to write it; `-` is standard output.'),
  },
  options: {
    from: value('DATABASE', asText, 'The database, when the dump holds several.'),
    globals: flag('The roles, tablespaces and settings instead, as SQL.'),
    thaw: thawOption,
    ...sourceOptions,
  },
  examples: [
    {
      command: 'holdfast dump-fetch latest shop.dump --from shop',
      doc: 'A file for `pg_restore --dbname new_shop shop.dump`.',
    },
    {
      command: 'holdfast dump-fetch 20260301T020000Z-dump - --globals | psql',
      doc: 'Makes the roles again.',
    },
    {
      command: 'holdfast dump-fetch 20250101T020000Z-dump shop.dump --from shop --thaw bulk',
      doc: 'From the archive, out of a cold storage class.',
    },
  ],
  async run(context, given) {
    const [
      { openDump, thawPlanOf },
      { tellAndThaw },
      { describeTrouble, TroubleLog },
      fetching,
      { DumpReader },
      { notRead },
    ] = await Promise.all([
      import('../open-dump.ts'),
      import('../thaw-first.ts'),
      import('../../operations/sources/trouble.ts'),
      import('../../operations/dump/fetch.ts'),
      import('../../operations/restore-dump/dump-reader.ts'),
      import('../describe-catalog.ts'),
    ])
    const { output, progress, signal, terminal } = context
    const troubles = new TroubleLog(trouble => {
      output.warn(describeTrouble(trouble))
    })
    const dump = await openDump(context, given, troubles)
    for (const source of dump.closed) output.warn(notRead(source))
    const { copies, record } = dump
    const database = given.globals ? undefined : fetching.chooseDumped(record, given.from)
    const [object] = database ? database.objects : [record.globals]
    if (!object) throw new Error('assertion failed: a dumped database has objects')
    if (given.file === '-' && database?.shape === 'directory')
      throw usageFault(
        `${database.name} was dumped with several jobs, and is a directory`,
        'Give the name of a directory to make.',
      )
    const thaw = await thawPlanOf(context, given, dump, { database: database?.name, globals: given.globals })
    if (given.file !== '-') await fetching.refuseTaken(given.file)
    if (thaw) await tellAndThaw(context, given, thaw)
    using reader = new DumpReader(copies, troubles)
    const deps = { reader, progress }
    progress.phase(`fetching ${record.id}`, (database ?? record.globals).rawBytes)
    if (given.file === '-') {
      await fetching.fetchObject(deps, object, bytes => terminal.out.writeBytes(bytes), signal)
      return undefined
    }
    if (database?.shape === 'directory') await fetching.fetchDirectory(deps, database, given.file, signal)
    else await fetching.fetchFile(deps, object, given.file, signal)
    const result = { id: record.id, database: database?.name ?? null, path: given.file }
    output.result({ ...result, passedOver: troubles.all() }, () => given.file)
    return undefined
  },
})
