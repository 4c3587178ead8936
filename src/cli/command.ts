/**
 * What a command is: its words, arguments and options in one table, from which the parser, the help, the reference
 * page and the types all come; and the function that carries it out.
 */
import type { CommandContext } from './context.ts'

/**
 * A command that does something (writes, reads back, deletes, restores, changes what is to be done): it is entered in the
 * audit trail, and hooks run around it. Names are those of its arguments and options.
 */
export interface Operation {
  /** With one of these it only looks. */
  readonly unless?: readonly string[]
  /** Without one of these it only looks. */
  readonly needs?: readonly string[]
  /** What says where to, the first that is given. */
  readonly target?: readonly string[]
  /** It runs until it is stopped, or speaks with what does: hooks do not run around it. */
  readonly withoutHooks?: boolean
  /** It runs for every WAL segment, and has no time for entries: only failures are entered, and few of them. */
  readonly forSegments?: boolean
}

export interface Option<T> {
  readonly kind: 'flag' | 'value' | 'values'
  /** How the help names the value: `--label TEXT`. */
  readonly placeholder: string
  /** Throws USAGE with a hint that shows the right form. */
  readonly parse: (text: string) => T
  readonly doc: string
  /** What is meant when the option is given without a value: only then may it be. */
  readonly implied?: string
  /** What is given may hold a password: it is shown nowhere. */
  readonly isSecret?: boolean
}

export interface Argument {
  readonly placeholder: string
  readonly required: boolean
  /** Takes all words that are left. */
  readonly several?: boolean
  readonly doc: string
}

export type OptionTable = Readonly<Record<string, Option<unknown>>>
export type ArgumentTable = Readonly<Record<string, Argument>>

type OptionValue<T> = T extends Flag
  ? boolean
  : T extends Values<infer V>
    ? readonly V[]
    : T extends Option<infer V>
      ? V | undefined
      : never
type ArgumentValue<T extends Argument> = T extends { readonly several: true }
  ? readonly string[]
  : T['required'] extends true
    ? string
    : string | undefined

/** What was given on the command line, by the names of the tables. */
export type Given<Arguments extends ArgumentTable, Options extends OptionTable> = {
  readonly [Key in keyof Arguments]: ArgumentValue<Arguments[Key]>
} & { readonly [Key in keyof Options]: OptionValue<Options[Key]> }

export interface Example {
  readonly command: string
  readonly doc: string
}

interface CommandText {
  /** The verb, or two words: `['wal', 'push']`. */
  readonly words: readonly string[]
  /** One line for the list of commands. */
  readonly summary: string
  /** Paragraphs for `--help` and the reference page. */
  readonly description?: string
  readonly examples: readonly Example[]
  /** Works, and is not listed: for the program's own use. */
  readonly hidden?: boolean
  /** What it reads, sends and fetches keeps to `limits` of the configuration, or to what the agent says. */
  readonly keepsToRates?: boolean
  /** Absent: it only looks. */
  readonly operation?: Operation
}

export interface Command extends CommandText {
  readonly arguments: ArgumentTable
  /** By name in camelCase; `toTime` is `--to-time` on the command line. */
  readonly options: OptionTable
  /** Returns the exit status when it is not 0. */
  readonly run: (
    context: CommandContext,
    given: Readonly<Record<string, unknown>>,
  ) => Promise<number | undefined>
}

export function defineCommand<const Arguments extends ArgumentTable, const Options extends OptionTable>(
  command: CommandText & {
    readonly arguments: Arguments
    readonly options: Options
    readonly run: (context: CommandContext, given: Given<Arguments, Options>) => Promise<number | undefined>
  },
): Command {
  // The parser fills `given` from these very tables, so it has the type that they say.
  return { ...command, run: (context, given) => command.run(context, given as Given<Arguments, Options>) }
}

export type Flag = Option<boolean> & { readonly kind: 'flag' }
export type Values<T> = Option<T> & { readonly kind: 'values' }

export function flag(doc: string): Flag {
  return { kind: 'flag', placeholder: '', parse: () => true, doc }
}

export function value<T>(
  placeholder: string,
  parse: (text: string) => T,
  doc: string,
): Option<T> & { readonly kind: 'value' } {
  return { kind: 'value', placeholder, parse, doc }
}

export function secretValue<T>(
  placeholder: string,
  parse: (text: string) => T,
  doc: string,
): Option<T> & { readonly kind: 'value' } {
  return { kind: 'value', placeholder, parse, doc, isSecret: true }
}

/** `--thaw` is as good as `--thaw standard`. */
export function valueOr<T>(
  placeholder: string,
  implied: string,
  parse: (text: string) => T,
  doc: string,
): Option<T> & { readonly kind: 'value' } {
  return { kind: 'value', placeholder, implied, parse, doc }
}

/** May be given several times. */
export function values<T>(placeholder: string, parse: (text: string) => T, doc: string): Values<T> {
  return { kind: 'values', placeholder, parse, doc }
}

export function argument(placeholder: string, doc: string): Argument & { readonly required: true } {
  return { placeholder, required: true, doc }
}

export function optionalArgument(placeholder: string, doc: string): Argument & { readonly required: false } {
  return { placeholder, required: false, doc }
}

/** Any number of words, as the last argument. */
export function severalArguments(
  placeholder: string,
  doc: string,
): Argument & { readonly required: false; readonly several: true } {
  return { placeholder, required: false, several: true, doc }
}

/** `toTime` → `--to-time`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
}
