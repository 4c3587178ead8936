/** `holdfast verify` */
import { faultCatalogue } from '../../base/fault.ts'
import { defineCommand, optionalArgument } from '../command.ts'
import { workerCount } from '../workers.ts'
import { repositoryOption } from './common.ts'

export const verify = defineCommand({
  words: ['verify'],
  summary: 'Read back what is stored and check all of it.',
  description:
    "Reads every object: hashes, seals, compressed frames, files, page checksums, and the WAL from each backup's start on. " +
    'Damage is reported by backup and file, with what it costs. Exits with 25 when there is any.',
  arguments: { id: optionalArgument('ID', 'Only this backup and the WAL it needs.') },
  options: { repository: repositoryOption },
  examples: [
    { command: 'holdfast verify', doc: 'Everything in the first repository.' },
    {
      command: 'holdfast verify 20260301T020000Z-full',
      doc: 'One backup, and the WAL that it needs to become consistent.',
    },
  ],
  async run(context, given) {
    const [{ verify: verifyRepository }, { verifyListing }, { findBackup }, { openWalStore }] =
      await Promise.all([
        import('../../operations/verify/verify.ts'),
        import('../describe-verify.ts'),
        import('../find-backup.ts'),
        import('../../repository/wal-store.ts'),
      ])
    const { config } = await context.config()
    const { world, progress, program, output, signal } = context
    const {
      repository,
      encoding,
      description: storage,
      identities: keys,
    } = await context.openRepository(given.repository)
    const identities = await keys()
    const wal = openWalStore(repository, { encoding, identities })
    const deps = {
      world,
      progress,
      worker: program.worker,
      repository,
      storage,
      encoding,
      identities,
      wal,
      workers: workerCount(config.workers),
    }
    const only = given.id === undefined ? undefined : await findBackup(repository, given.id, signal)
    const report = await verifyRepository(deps, only, signal)
    output.result(report, () => verifyListing(report))
    return report.isGood ? undefined : faultCatalogue.VERIFY_FAILED.exit
  },
})
