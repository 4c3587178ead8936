/** One run of the program: words in, exit status out. */
import { isFault } from '../base/fault.ts'
import type { Command } from './command.ts'
import type { CommandContext } from './context.ts'
import { globalsIn, type GlobalOptions } from './global-options.ts'
import { createOutput, type Output } from './output.ts'
import { createProgressDisplay, hiddenProgress, type ProgressDisplay } from './progress-display.ts'
import { parseQuickly } from './quick.ts'
import type { Terminal } from './terminal.ts'
import type { Clock } from '../base/world.ts'

export interface RunOptions {
  readonly terminal: Terminal
  readonly clock: Pick<Clock, 'monotonicMs'>
  /** Makes what the command works with; disposed of when it ends. */
  readonly open: (telling: Telling, command: Command) => CommandContext & AsyncDisposable
}

/** How this run tells what it does. */
export interface Telling {
  readonly globals: GlobalOptions
  readonly output: Output
  readonly progress: ProgressDisplay
}

interface Run {
  readonly command: Command
  readonly given: Readonly<Record<string, unknown>>
}

export async function run(words: readonly string[], options: RunOptions): Promise<number> {
  let telling = tellingOf(globalsIn(words), options)
  try {
    const parsed = (await parseQuickly(words)) ?? (await parseFully(words))
    if (typeof parsed === 'string') {
      options.terminal.out.write(parsed)
      return 0
    }
    telling = tellingOf(parsed.globals, options)
    return await carryOut(parsed, words, telling, options)
  } catch (error) {
    telling.output.failure(error)
    return statusOfFailure(words, error)
  }
}

/** Help is a text that is already complete. */
async function parseFully(
  words: readonly string[],
): Promise<(Run & { readonly globals: GlobalOptions }) | string> {
  const { parseWords } = await import('./commander.ts')
  const parsed = parseWords(words)
  return parsed.kind === 'help' ? parsed.text : parsed
}

async function carryOut(
  { command, given }: Run,
  words: readonly string[],
  telling: Telling,
  { open }: RunOptions,
): Promise<number> {
  await using context = open(telling, command)
  const failed = (error: unknown): number => {
    telling.output.failure(error)
    return statusOfFailure(words, error)
  }
  if (command.operation?.forSegments === true) {
    try {
      return (await command.run(context, given)) ?? 0
    } catch (error) {
      const exit = failed(error)
      await (await import('./segment-failure.ts')).enterFailure({ command, words, exit, error }, context)
      return exit
    } finally {
      telling.progress.end()
    }
  }
  const { carryOut: carryOutEntered } = await import('./carry-out.ts')
  const status = await carryOutEntered({ command, given, words, failed }, context)
  telling.progress.end()
  return status
}

function tellingOf(globals: GlobalOptions, { terminal, clock }: RunOptions): Telling {
  const { json, verbose, quiet } = globals
  const progress = quiet || (json && !verbose) ? hiddenProgress : createProgressDisplay(terminal.err, clock)
  const output = createOutput(terminal.out, terminal.err, { json, verbose, quiet }, () => {
    progress.clear()
  })
  return { globals, output, progress }
}

/**
 * PostgreSQL takes a restore_command that ends with 1 to 125 for the end of the archive, and promotes; above 125 it
 * stops. So a `wal get` that could not tell ends with 126, even when it is its own words that are wrong.
 */
function statusOfFailure(words: readonly string[], error: unknown): number {
  const couldNotTell = words.includes('wal') && words.includes('get')
  return couldNotTell ? 126 : isFault(error) ? error.exit : 1
}
