/** `holdfast wal get NAME DEST`: PostgreSQL's restore_command. Loaded for every segment, so it imports little. */
import { argument, defineCommand, flag, value } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { asText } from '../usage.ts'
import { openWalSource, walSourceName } from '../wal-source.ts'
import { sourceWords } from '../archive-command.ts'
import type { SourceChoice } from '../sources.ts'
import { archivesOption, sourceOptions } from './common.ts'

export const walGet = defineCommand({
  words: ['wal', 'get'],
  summary: 'Fetch one WAL file. For restore_command.',
  description:
    'Exits with 0 when the file is in place, with 1 when it exists in none of the repositories, and with 126 when that could ' +
    'not be told (storage not reached, file damaged, wrong key): PostgreSQL then stops instead of promoting too early. With ' +
    'several repositories the file comes from the first that has it whole; one that is lost for good is left out with --without.',
  operation: { forSegments: true },
  arguments: {
    name: argument('NAME', 'The file, as PostgreSQL gives it in %f.'),
    destination: argument('DEST', 'Where to put it, as PostgreSQL gives it in %p.'),
  },
  options: {
    requireThrough: value(
      'SEGMENT',
      asText,
      'Segments up to this one are known to be there: one that is missing is an error.',
    ),
    allowPartial: flag('Take the .partial file where a timeline ended in the middle of a segment.'),
    withhold: value(
      'FILE',
      asText,
      'Take out of the segment what changes relations that this file says are not there (the scratch cluster of restore-table).',
    ),
    archives: archivesOption,
    ...sourceOptions,
  },
  examples: [
    {
      command: "restore_command = '/usr/bin/holdfast --config /etc/holdfast/holdfast.yaml wal get %f %p'",
      doc: 'In postgresql.conf; `holdfast restore` writes it.',
    },
  ],
  async run(context, given) {
    const { getWal, walGetExit } = await import('../../operations/wal-get.ts')
    const { world, output, signal } = context
    const { repository, without, asOf: asOfMs, archives } = given
    const choice = { repository, without, asOfMs, archives }
    const deps = {
      world,
      source: await walSourceName(context, choice),
      openSource: () => openWalSource(context, choice),
      startFetchAhead: await fetchAheadStarter(context, choice),
      note: (line: string) => {
        output.warn(line)
      },
    }
    const result = await getWal(deps, given, signal)
    if (result === 'found' && given.withhold !== undefined)
      await (
        await import('../../operations/wal-filter.ts')
      ).filterFetched(given.name, given.destination, given.withhold)
    if (output.rule.json || output.rule.verbose)
      output.result({ name: given.name, result }, () => `${given.name}: ${result}`)
    return walGetExit[result]
  },
})

/** Starts this program once more, in a session of its own: it outlives this command, and serves those that follow. */
async function fetchAheadStarter(
  { config, program }: CommandContext,
  choice: SourceChoice,
): Promise<((spoolFolder: string) => void) | undefined> {
  const loaded = await config()
  if (!loaded.config.wal.fetchAhead) return undefined
  const { spawn } = await import('node:child_process')
  return spoolFolder => {
    const words = ['--config', loaded.path, 'wal', 'fetch-ahead', ...sourceWords(choice), spoolFolder]
    const child = spawn(program.launcher, words, { detached: true, stdio: 'ignore' })
    // Fetching ahead is a help, not a need.
    child.on('error', () => undefined)
    child.unref()
  }
}
