/** `holdfast show ID` */
import { argument, defineCommand } from '../command.ts'
import { asOfOption, oneRepositoryOption } from './common.ts'

export const show = defineCommand({
  words: ['show'],
  summary: 'Show one backup, snapshot or dump in full.',
  arguments: {
    id: argument(
      'ID',
      'The backup, as `list` shows it; a beginning that fits only one is enough. `latest` is the newest one.',
    ),
  },
  options: { repository: oneRepositoryOption, asOf: asOfOption },
  examples: [
    {
      command: 'holdfast show 20260301T020000Z-full',
      doc: 'Times, WAL positions, sizes, checks and warnings of this backup, and where it is.',
    },
  ],
  async run(context, given) {
    const [
      { openSources },
      { readCatalogs, readCopies },
      { describeTrouble, TroubleLog },
      { chooseBackup, isManagedWord },
      { backupListing },
      { dumpListing },
      { readAllDumps, readDumpCopies },
      { notRead },
      { holdLine, holdsIn },
    ] = await Promise.all([
      import('../sources.ts'),
      import('../../operations/sources/catalog.ts'),
      import('../../operations/sources/trouble.ts'),
      import('../find-backup.ts'),
      import('../describe-backup.ts'),
      import('../describe-dump.ts'),
      import('../../operations/sources/dumps.ts'),
      import('../describe-catalog.ts'),
      import('../holds-of.ts'),
    ])
    const { output, signal, world } = context
    const choice = { repository: given.repository, only: true, archives: true, asOfMs: given.asOf }
    const sources = await openSources(context, choice, { keys: false })
    if (isManagedWord(given.id)) {
      await (await import('../show-managed.ts')).showManaged(context, sources, given.id)
      return undefined
    }
    const { backups, closed } = await readCatalogs(sources.open, { full: false }, signal)
    for (const source of [...sources.closed, ...closed]) output.warn(notRead(source))
    const hasSeveral = sources.open.length + sources.closed.length > 1
    const allHolds = await holdsIn(sources.open, world.clock.now(), signal)
    const holdsOf = (wanted: string) => {
      const holds = allHolds.filter(({ id }) => id === wanted)
      const json = holds.length === 0 ? {} : { holds }
      return { json, text: holds.map(hold => holdLine(hold, hasSeveral)).join('') }
    }
    const troubles = new TroubleLog(trouble => {
      output.warn(describeTrouble(trouble))
    })
    const { dumps } = await readAllDumps(sources.open, signal)
    const ids = [...backups.map(({ summary }) => summary.id), ...dumps.map(dump => dump.id)]
    const id = chooseBackup(ids, given.id, one => one)
    const dump = dumps.find(one => one.id === id)
    if (dump) {
      const copies = await readDumpCopies(dump, troubles, signal)
      const names = copies.map(({ source }) => source.name)
      const holds = holdsOf(id)
      output.result(
        { ...copies[0].record, repositories: names, ...holds.json },
        () => dumpListing(copies, hasSeveral) + holds.text,
      )
      return undefined
    }
    const known = chooseBackup(backups, id, ({ summary }) => summary.id)
    const copies = await readCopies(known, troubles, signal)
    const [first] = copies
    const states = first?.record.snapshot
      ? await (await import('../snapshot-states.ts')).snapshotStates(context, first.record)
      : undefined
    const holds = holdsOf(id)
    const repositories = copies.map(({ source }) => source.name)
    output.result(
      { ...first?.record, repositories, ...(states ? { now: states } : {}), ...holds.json },
      () => backupListing(copies, hasSeveral, states) + holds.text,
    )
    return undefined
  },
})
