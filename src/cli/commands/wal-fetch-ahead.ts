/** `holdfast wal fetch-ahead FOLDER`: the helper that `wal get` starts. Not for people. */
import { argument, defineCommand } from '../command.ts'
import { openWalSource } from '../wal-source.ts'
import { sourceOptions } from './common.ts'

export const walFetchAhead = defineCommand({
  words: ['wal', 'fetch-ahead'],
  hidden: true,
  summary: 'Fetch the next segments while a server replays. Started by `wal get`; ends by itself.',
  arguments: { folder: argument('FOLDER', 'Where to put them.') },
  options: sourceOptions,
  examples: [],
  async run(context, given) {
    const { fetchAhead } = await import('../../operations/wal-fetch-ahead.ts')
    const source = await openWalSource(context, { ...given, asOfMs: given.asOf })
    await fetchAhead({ world: context.world, source }, given.folder, context.signal)
    return undefined
  },
})
