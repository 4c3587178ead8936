/** `holdfast wal status` */
import { faultCatalogue } from '../../base/fault.ts'
import { defineCommand } from '../command.ts'
import { asOfOption, oneRepositoryOption } from './common.ts'

export const walStatus = defineCommand({
  words: ['wal', 'status'],
  summary: 'Show what can be restored: the window, and its gaps.',
  description:
    'For each timeline, the spans of WAL that are stored and what is missing between them. Exits with 62 when something is. With ' +
    'several repositories it is what they hold together, as a restore would use it; --repository looks at one. On the host of the server ' +
    'it also tells what is owed to a repository: WAL that PostgreSQL was told is safe, since enough others have it.',
  arguments: {},
  options: { repository: oneRepositoryOption, asOf: asOfOption },
  examples: [
    { command: 'holdfast wal status', doc: 'The window of every timeline, as LSNs and times.' },
    { command: 'holdfast wal status --repository second', doc: 'What this repository would lead to alone.' },
  ],
  async run(context, given) {
    const [
      { walStatus: statusOf },
      { walStatusText },
      { readCatalogs },
      { openSources, unitedWal },
      { notRead },
      { describeTrouble, TroubleLog },
      { owedHere },
      { absentSnapshots },
    ] = await Promise.all([
      import('../../operations/wal-status.ts'),
      import('../../operations/wal-status-text.ts'),
      import('../../operations/sources/catalog.ts'),
      import('../sources.ts'),
      import('../describe-catalog.ts'),
      import('../../operations/sources/trouble.ts'),
      import('../owed-here.ts'),
      import('../absent-snapshots.ts'),
    ])
    const { output, signal, world } = context
    const choice = { repository: given.repository, only: true, asOfMs: given.asOf }
    const sources = await openSources(context, choice, { keys: false })
    const { backups, closed } = await readCatalogs(sources.open, { full: false }, signal)
    for (const source of [...sources.closed, ...closed]) output.warn(notRead(source))
    const troubles = new TroubleLog(trouble => {
      output.warn(describeTrouble(trouble))
    })
    const deps = {
      backups: backups.map(({ summary }) => summary),
      absent: await absentSnapshots(context, backups),
      wal: unitedWal(sources, { clock: world.clock, troubles }),
      walSegmentSizeBytes: sources.open[0]?.repository.identity.walSegmentSizeBytes ?? 0,
    }
    // What is owed is of now, whatever the time that is looked at.
    const [wal, owed = null] = await Promise.all([
      statusOf(deps, signal),
      given.asOf === undefined ? owedHere(context, given.repository) : undefined,
    ])
    const status = { ...wal, owed }
    output.result(status, () => walStatusText(status))
    return status.gaps.length + status.missingHistories.length === 0
      ? undefined
      : faultCatalogue.WAL_GAPS.exit
  },
})
