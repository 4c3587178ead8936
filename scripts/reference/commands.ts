/** docs/reference/commands.md, from the tables of the commands. */
import { flagOf, type Command, type OptionTable } from '../../src/cli/command.ts'
import { commands as allCommands } from '../../src/cli/commands.ts'
import { globalOptions, shortFlags } from '../../src/cli/global-options.ts'
import { fenced, generatedNote, page, table } from './markdown.ts'

const commands = allCommands.filter(({ hidden }) => hidden !== true)

export function commandsPage(): string {
  return page(
    '# Commands',
    generatedNote,
    'Results go to standard output, everything else to standard error. Times are printed in UTC with the offset, and a time ' +
      'given without an offset is refused. [errors.md](errors.md) lists the exit statuses.',
    table(
      ['Command', ''],
      commands.map(command => [`[\`${nameOf(command)}\`](#${anchorOf(command)})`, command.summary]),
    ),
    '## Options of every command',
    optionsTable(globalOptions),
    ...commands.flatMap(sectionOf),
  )
}

function sectionOf(command: Command): readonly string[] {
  const args = Object.values(command.arguments)
  const words = args.map(({ placeholder, required, several }) =>
    required ? placeholder : `[${placeholder}]${several === true ? '…' : ''}`,
  )
  return [
    `## ${nameOf(command)}`,
    fenced('sh', [`holdfast ${nameOf(command)}`, ...words, '[options]'].join(' ')),
    command.summary,
    command.description ?? '',
    args.length === 0
      ? ''
      : table(
          ['Argument', ''],
          args.map(({ placeholder, doc }) => [`\`${placeholder}\``, doc]),
        ),
    Object.keys(command.options).length === 0 ? '' : optionsTable(command.options),
    ...command.examples.flatMap(({ command: line, doc }) => [doc, fenced('sh', line)]),
  ]
}

function optionsTable(options: OptionTable): string {
  const rows = Object.entries(options).map(([name, { kind, placeholder, doc }]) => {
    const short = shortFlags[name] === undefined ? '' : `-${shortFlags[name]}, `
    const several = kind === 'values' ? ' May be given several times.' : ''
    return [`\`${short}${flagOf(name)}${placeholder === '' ? '' : ` ${placeholder}`}\``, `${doc}${several}`]
  })
  return table(['Option', ''], rows)
}

const nameOf = ({ words }: Command): string => words.join(' ')
const anchorOf = ({ words }: Command): string => words.join('-')
