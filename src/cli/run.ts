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
  readonly open: (telling: Telling) => CommandContext & AsyncDisposable
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
  let failureStatus: Command['failureStatus']
  try {
    const parsed = (await parseQuickly(words)) ?? (await parseFully(words))
    if (typeof parsed === 'string') {
      options.terminal.out.write(parsed)
      return 0
    }
    telling = tellingOf(parsed.globals, options)
    failureStatus = parsed.command.failureStatus
    return await carryOut(parsed, telling, options)
  } catch (error) {
    telling.output.failure(error)
    return failureStatus?.(error) ?? statusOf(error)
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

async function carryOut({ command, given }: Run, telling: Telling, { open }: RunOptions): Promise<number> {
  await using context = open(telling)
  const status = await command.run(context, given)
  telling.progress.end()
  return status ?? 0
}

function tellingOf(globals: GlobalOptions, { terminal, clock }: RunOptions): Telling {
  const { json, verbose, quiet } = globals
  const progress = quiet || (json && !verbose) ? hiddenProgress : createProgressDisplay(terminal.err, clock)
  const output = createOutput(terminal.out, terminal.err, { json, verbose, quiet }, () => {
    progress.clear()
  })
  return { globals, output, progress }
}

function statusOf(error: unknown): number {
  return isFault(error) ? error.exit : 1
}
