/** `holdfast wal fetch-ahead FOLDER`: the helper that `wal get` starts. Not for people. */
import { sourceWords } from '../archive-command.ts'
import { argument, defineCommand } from '../command.ts'
import { openWalSource } from '../wal-source.ts'
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
    const [{ fetchAhead }, { launcherContext }] = await Promise.all([
      import('../../operations/wal-fetch-ahead.ts'),
      import('../../operations/launcher-context.ts'),
    ])
    const choice = { ...given, asOfMs: given.asOf }
    const source = await openWalSource(context, choice)
    const known = await launcherContext((await context.config()).path, context.terminal.environment)
    const launcher = known && { words: sourceWords(choice), context: known }
    await fetchAhead({ world: context.world, source, launcher }, given.folder, context.signal)
    return undefined
  },
})
