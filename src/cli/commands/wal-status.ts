/** `holdfast wal status` */
import { faultCatalogue } from '../../base/fault.ts'
import { defineCommand } from '../command.ts'
import { repositoryOption } from './common.ts'

export const walStatus = defineCommand({
  words: ['wal', 'status'],
  summary: 'Show what can be restored: the window, and its gaps.',
  description:
    'For each timeline, the spans of WAL that are stored and what is missing between them. Exits with 62 when something is.',
  arguments: {},
  options: { repository: repositoryOption },
  examples: [{ command: 'holdfast wal status', doc: 'The window of every timeline, as LSNs and times.' }],
  async run({ openRepository, output, signal }, given) {
    const [{ walStatus: statusOf }, { walStatusText }, { listBackups }, { openWalStore }] = await Promise.all(
      [
        import('../../operations/wal-status.ts'),
        import('../../operations/wal-status-text.ts'),
        import('../../repository/catalog.ts'),
        import('../../repository/wal-store.ts'),
      ],
    )
    const { repository, encoding } = await openRepository(given.repository)
    const deps = {
      backups: await listBackups(repository, signal),
      wal: openWalStore(repository, { encoding, identities: [] }),
      walSegmentSizeBytes: repository.identity.walSegmentSizeBytes,
    }
    const status = await statusOf(deps, signal)
    output.result(status, () => walStatusText(status))
    return status.gaps.length + status.missingHistories.length === 0
      ? undefined
      : faultCatalogue.WAL_GAPS.exit
  },
})
