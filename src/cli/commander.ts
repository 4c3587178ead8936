/** Commander, filled from the tables of the commands: it parses, and prints the help. */
import { Command as Commander, CommanderError, Option as CommanderOption } from 'commander'
import type { Fault } from '../base/fault.ts'
import { version } from '../base/version.ts'
import { flagOf, type Command, type Option, type OptionTable } from './command.ts'
import { commands, groups } from './commands.ts'
import { globalOptions, globalsOf, shortFlags, type GlobalOptions } from './global-options.ts'
import { usageFault } from './usage.ts'

export type Parsed =
  | {
      readonly kind: 'run'
      readonly command: Command
      readonly given: Readonly<Record<string, unknown>>
      readonly globals: GlobalOptions
    }
  /** Text for standard output: help was asked for. */
  | { readonly kind: 'help'; readonly text: string }

export function parseWords(words: readonly string[]): Parsed {
  let parsed: Parsed | undefined
  let help = ''
  const program = createProgram(
    run => {
      parsed = run
    },
    text => {
      help += text
    },
  )
  try {
    program.parse(words, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // Asked for, help goes to standard output; shown for want of a command, it would not.
    if (error.exitCode !== 0 && help === '') throw faultOf(error, words)
  }
  return parsed ?? { kind: 'help', text: help }
}

/** The whole tree, also for the reference page. */
export function createProgram(onRun: (parsed: Parsed) => void, write: (text: string) => void): Commander {
  const program = base(new Commander('holdfast'), write)
    .description('Backs up PostgreSQL, archives its WAL, and proves that it can bring it back.')
    .version(version, '--version', 'Print the version.')
    .helpCommand('help [command]', 'Show the help of a command.')
  addOptions(program, globalOptions)
  const parents = new Map<string, Commander>()
  for (const command of commands) {
    const made = addCommand(parentOf(program, parents, command, write), command, onRun, write)
    // A command by itself that others stand below: `agent`, and `agent status`.
    const [name = ''] = command.words
    if (command.words.length === 1 && name in groups) parents.set(name, made.helpCommand(false))
  }
  return program
}

function parentOf(
  program: Commander,
  parents: Map<string, Commander>,
  { words }: Command,
  write: (text: string) => void,
): Commander {
  const [group] = words
  if (words.length === 1 || group === undefined) return program
  const known = parents.get(group)
  if (known) return known
  const made = base(program.command(group), write)
    .description(groups[group] ?? '')
    .helpCommand(false)
  parents.set(group, made)
  return made
}

function addCommand(
  parent: Commander,
  command: Command,
  onRun: (parsed: Parsed) => void,
  write: (text: string) => void,
): Commander {
  const name = command.words.at(-1) ?? ''
  const made = base(parent.command(name, { hidden: command.hidden ?? false }), write)
    .summary(command.summary)
    .description(descriptionOf(command))
  for (const { placeholder, required, several, doc } of Object.values(command.arguments)) {
    const name = several === true ? `${placeholder}...` : placeholder
    made.argument(required ? `<${name}>` : `[${name}]`, doc)
  }
  addOptions(made, command.options)
  addOptions(made, globalOptions)
  made.addHelpText(
    'after',
    `\nExamples:\n${command.examples.map(({ command: line, doc }) => `  ${line}\n      ${doc}`).join('\n')}`,
  )
  made.action(() => {
    onRun({
      kind: 'run',
      command,
      given: givenTo(command, made.args, made.opts()),
      globals: globalsOf(made.optsWithGlobals()),
    })
  })
  return made
}

function base(commander: Commander, write: (text: string) => void): Commander {
  return commander
    .exitOverride()
    .configureOutput({ writeOut: write, writeErr: () => undefined })
    .helpOption('-h, --help', 'Show this help.')
    .configureHelp({ sortSubcommands: false })
}

function addOptions(commander: Commander, options: OptionTable): void {
  for (const [name, option] of Object.entries(options)) commander.addOption(commanderOption(name, option))
}

function commanderOption(name: string, option: Option<unknown>): CommanderOption {
  const short = shortFlags[name]
  const flags = `${short === undefined ? '' : `-${short}, `}${flagOf(name)}`
  if (option.kind === 'flag') return new CommanderOption(flags, option.doc)
  if (option.implied !== undefined)
    return new CommanderOption(`${flags} [${option.placeholder}]`, option.doc)
      .argParser(option.parse)
      .preset(option.implied)
  const made = new CommanderOption(`${flags} <${option.placeholder}>`, option.doc)
  if (option.kind === 'value') return made.argParser(option.parse)
  return made.argParser((text, before: readonly unknown[] | undefined) => [
    ...(before ?? []),
    option.parse(text),
  ])
}

function givenTo(
  command: Command,
  words: readonly string[],
  options: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const given: Record<string, unknown> = {}
  Object.entries(command.arguments).forEach(([name, { several }], i) => {
    given[name] = several === true ? words.slice(i) : words[i]
  })
  for (const [name, option] of Object.entries(command.options))
    given[name] = optionValue(name, option, options)
  return given
}

/** Commander takes `--no-encryption` for the opposite of `encryption`. */
function optionValue(
  name: string,
  { kind }: Option<unknown>,
  options: Readonly<Record<string, unknown>>,
): unknown {
  if (kind === 'flag')
    return /^no[A-Z]/.test(name)
      ? options[name.charAt(2).toLowerCase() + name.slice(3)] === false
      : options[name] === true
  return options[name] ?? (kind === 'values' ? [] : undefined)
}

export function descriptionOf({ summary, description }: Command): string {
  return description === undefined ? summary : `${summary}\n\n${description}`
}

/** Commander's own messages, in our form. */
function faultOf(error: CommanderError, words: readonly string[]): Fault {
  const [message = '', ...rest] = error.message.replace(/^error: /, '').split('\n')
  if (error.code === 'commander.help') {
    const [group] = words.filter(word => !word.startsWith('-') && word in groups)
    const [what, program] = group === undefined ? ['', 'holdfast'] : [` after ${group}`, `holdfast ${group}`]
    return usageFault(`no command was given${what}`, `Name a command; \`${program} --help\` lists them.`)
  }
  const meant = /Did you mean (.+)\?/.exec(rest.join(' '))?.[1]
  const verb = words
    .filter(word => !word.startsWith('-'))
    .slice(0, words[0] !== undefined && words[0] in groups ? 2 : 1)
    .join(' ')
  const help = error.code === 'commander.unknownCommand' ? 'holdfast' : `holdfast ${verb}`
  return usageFault(message, `${meant === undefined ? '' : `Did you mean ${meant}? `}See \`${help} --help\`.`)
}
