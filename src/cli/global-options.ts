/** Options that every command takes. */
import { flag, value } from './command.ts'

export const globalOptions = {
  config: value(
    'FILE',
    text => text,
    'The configuration file (else $HOLDFAST_CONFIG, ./holdfast.yaml, /etc/holdfast/holdfast.yaml).',
  ),
  json: flag('Print the result, and any error, as JSON.'),
  verbose: flag('Tell more of what happens, and the causes of errors.'),
  quiet: flag('No progress and no notes: only results, warnings and errors.'),
}

export const shortFlags: Readonly<Record<string, string>> = { verbose: 'v', quiet: 'q' }

export interface GlobalOptions {
  readonly config?: string | undefined
  readonly json: boolean
  readonly verbose: boolean
  readonly quiet: boolean
}

/** From parsed options, whichever parser they come from. */
export function globalsOf(options: Readonly<Record<string, unknown>>): GlobalOptions {
  const { config } = options
  return {
    config: typeof config === 'string' ? config : undefined,
    json: options['json'] === true,
    verbose: options['verbose'] === true,
    quiet: options['quiet'] === true,
  }
}

/** For errors in the command line itself, when nothing is parsed yet. */
export function globalsIn(words: readonly string[]): GlobalOptions {
  const has = (...flags: readonly string[]): boolean => flags.some(flag => words.includes(flag))
  return { json: has('--json'), verbose: has('--verbose', '-v'), quiet: has('--quiet', '-q') }
}
