/** `holdfast wal fetch-ahead FOLDER`: the helper that `wal get` starts. Not for people. */
import { limits } from '../../base/limits.ts'
import { sourceWords } from '../archive-command.ts'
import { argument, defineCommand } from '../command.ts'
import { openWalSource } from '../wal-source.ts'
import { workerCount } from '../workers.ts'
import { archivesOption, sourceOptions } from './common.ts'

export const walFetchAhead = defineCommand({
  words: ['wal', 'fetch-ahead'],
  hidden: true,
  summary: 'Fetch the next segments while a server replays. Started by `wal get`; ends by itself.',
  operation: { forSegments: true },
  arguments: { folder: argument('FOLDER', 'Where to put them.') },
  options: { ...sourceOptions, archives: archivesOption },
  examples: [],
  async run(context, given) {
    const [{ fetchAhead }, { launcherContext }, { openDecodeWalCrew }] = await Promise.all([
      import('../../operations/wal-fetch-ahead.ts'),
      import('../../operations/launcher-context.ts'),
      import('../../operations/workers/decode-wal/decode-wal-crew.ts'),
    ])
    const { world, progress, program, signal, terminal } = context
    const { config, path } = await context.config()
    const choice = { ...given, asOfMs: given.asOf }
    const workers = Math.min(workerCount(config.workers), limits.walFetchAheadParallel)
    await using crew = openDecodeWalCrew({ world, progress, worker: program.worker }, workers, signal)
    const source = { ...(await openWalSource(context, choice, crew.open)), recycle: crew.recycle }
    const known = await launcherContext(path, terminal.environment)
    const launcher = known && { words: sourceWords(choice), context: known }
    await fetchAhead({ world, source, launcher }, given.folder, signal)
    return undefined
  },
})
