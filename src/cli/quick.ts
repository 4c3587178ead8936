/**
 * The short way for the two commands that PostgreSQL runs for every WAL segment, and for the helpers that have to be up
 * soon: the same tables, without loading Commander and all other commands. What it does not understand, it leaves to the
 * long way, which says why.
 */
import { parseArgs } from 'node:util'
import { flagOf, type Command, type OptionTable } from './command.ts'
import { globalOptions, globalsOf, shortFlags, type GlobalOptions } from './global-options.ts'

const quickCommands: Readonly<Record<string, () => Promise<Command>>> = {
  push: async () => (await import('./commands/wal-push.ts')).walPush,
  'push-ahead': async () => (await import('./commands/wal-push-ahead.ts')).walPushAhead,
  'fetch-ahead': async () => (await import('./commands/wal-fetch-ahead.ts')).walFetchAhead,
  get: async () => (await import('./commands/wal-get.ts')).walGet,
}

export interface QuickRun {
  readonly command: Command
  readonly given: Readonly<Record<string, unknown>>
  readonly globals: GlobalOptions
}

export async function parseQuickly(words: readonly string[]): Promise<QuickRun | undefined> {
  // Options of every command may stand before the verb, as they do in the archive_command that `init` sets.
  const at = words.indexOf('wal')
  const isFirst = at === 0 || words[0]?.startsWith('-') === true
  const load = isFirst ? quickCommands[words[at + 1] ?? ''] : undefined
  if (!load) return undefined
  const command = await load()
  const { values, positionals } =
    split(words.toSpliced(at, 2), { ...globalOptions, ...command.options }) ?? {}
  const names = Object.keys(command.arguments)
  if (!values || positionals?.length !== names.length) return undefined
  const given: Record<string, unknown> = {}
  names.forEach((name, i) => {
    given[name] = positionals[i]
  })
  for (const [name, { kind, parse }] of Object.entries(command.options)) {
    const found = values[flagOf(name).slice(2)]
    if (kind === 'flag') given[name] = found === true
    else if (kind === 'values') given[name] = Array.isArray(found) ? found.map(String).map(parse) : []
    else given[name] = typeof found === 'string' ? parse(found) : undefined
  }
  return { command, given, globals: globalsOf(values) }
}

function split(
  args: readonly string[],
  table: OptionTable,
): { values: Readonly<Record<string, unknown>>; positionals: readonly string[] } | undefined {
  const options = Object.fromEntries(
    Object.entries(table).map(([name, { kind }]) => {
      const short = shortFlags[name]
      return [
        flagOf(name).slice(2),
        {
          type: kind === 'flag' ? ('boolean' as const) : ('string' as const),
          ...(kind === 'values' ? { multiple: true } : {}),
          ...(short === undefined ? {} : { short }),
        },
      ]
    }),
  )
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch {
    return undefined
  }
}
