import { describe, expect, test } from 'vitest'
import { isFault } from '../base/fault.ts'
import { parseWords } from './commander.ts'
import { commands } from './commands.ts'
import { parseQuickly } from './quick.ts'

function given(line: readonly string[]): Readonly<Record<string, unknown>> {
  const parsed = parseWords(line)
  return parsed.kind === 'run'
    ? { ...parsed.given, globals: parsed.globals, verb: parsed.command.words.join(' ') }
    : {}
}

function refusal(line: readonly string[]): string {
  try {
    parseWords(line)
  } catch (error) {
    return isFault(error, 'USAGE') ? `${error.message}\n${error.hint}` : String(error)
  }
  return 'accepted'
}

describe('the command line', () => {
  test('arguments and options come under the names of the table', () => {
    const line = [
      'restore',
      '--target-dir',
      '/x',
      '--to-lsn',
      '0/3000060',
      '--tablespace',
      '/a=/b',
      '--tablespace',
      '/c=/d',
      '--exclusive',
    ]
    expect(given(line)).toMatchObject({
      verb: 'restore',
      targetDir: '/x',
      toLsn: 0x3000060n,
      exclusive: true,
      delta: false,
      backup: undefined,
      tablespace: [
        { from: '/a', to: '/b' },
        { from: '/c', to: '/d' },
      ],
    })
  })

  test('options of every command may stand before and after the verb', () => {
    const globals = { json: true, config: '/c.yaml', verbose: false, quiet: false }
    expect(given(['--json', 'list', '--config', '/c.yaml'])).toMatchObject({ globals })
    expect(given(['--config', '/c.yaml', 'wal', '--json', 'status'])).toMatchObject({
      globals,
      verb: 'wal status',
    })
  })

  test('hold list lists, and takes no backup for its name', () => {
    expect(given(['hold', 'list'])).toMatchObject({ verb: 'hold list' })
    expect(given(['hold', '2026', '--reason', 'x'])).toMatchObject({ verb: 'hold', id: '2026' })
    expect(given(['hold'])).toMatchObject({ verb: 'hold', id: undefined })
  })

  test('--no-encryption is a flag of its own', () => {
    expect(given(['init', '--no-encryption'])).toMatchObject({ noEncryption: true })
    expect(given(['init'])).toMatchObject({ noEncryption: false })
  })

  test('a time is taken with its offset only', () => {
    expect(given(['restore', '--to-time', '2026-03-01 14:30:00+02:00'])).toMatchObject({
      toTime: Date.UTC(2026, 2, 1, 12, 30) * 1000,
    })
    expect(refusal(['restore', '--to-time', '2026-03-01 14:30'])).toMatch(
      /offset from UTC\nWrite it as "2026-03-01 14:30:00\+00:00"/,
    )
  })

  test.each([
    [['bakup'], /unknown command 'bakup'\nDid you mean backup\? See `holdfast --help`\./],
    [['wal', 'psh'], /Did you mean push\?/],
    [
      ['restore', '--to-tiem', 'x'],
      /unknown option '--to-tiem'\nDid you mean --to-time\? See `holdfast restore --help`\./,
    ],
    [['show'], /missing required argument 'ID'\nSee `holdfast show --help`\./],
    [['restore', '--to-lsn', 'x'], /"x" is not an LSN\nWrite it as/],
    [['restore', '--action', 'stop'], /"stop" is none of promote, pause, shutdown/],
    [['restore', '--tablespace', 'a=b'], /is not OLD=NEW, with an absolute path for NEW/],
    [['wal'], /no command was given after wal\nName a command; `holdfast wal --help`/],
    [[], /no command was given/],
  ])('%j is refused with a hint', (line, message) => {
    expect(refusal(line)).toMatch(message)
  })
})

const listed = commands.filter(({ hidden }) => hidden !== true)

describe('help', () => {
  test.each(listed.map(command => [command.words.join(' '), command] as const))(
    '%s has an example',
    (name, command) => {
      const parsed = parseWords([...name.split(' '), '--help'])
      expect(parsed.kind === 'help' && parsed.text).toContain(command.examples[0]?.command)
    },
  )

  test('--help lists every verb', () => {
    const parsed = parseWords(['--help'])
    for (const { words } of listed)
      expect(parsed.kind === 'help' && parsed.text).toContain(`  ${words[0] ?? ''}`)
  })
})

describe('the short way of wal push and wal get', () => {
  const lines = [
    ['wal', 'push', 'pg_wal/000000010000000000000001'],
    ['--config', '/x.yaml', 'wal', 'push', 'pg_wal/000000010000000000000001'],
    ['wal', 'get', '000000010000000000000001', 'pg_wal/RECOVERYXLOG', '--config', '/x.yaml', '-q'],
    ['wal', 'push', '--repository', 'main', '--json', 'x'],
  ]
  test.each(lines)('%s %s gives what the long way gives', async (...line) => {
    const { command, given: quick, globals } = (await parseQuickly(line)) ?? {}
    const long = parseWords(line)
    expect({ command, given: quick, globals }).toEqual(
      long.kind === 'run' ? { command: long.command, given: long.given, globals: long.globals } : {},
    )
  })

  test.each([
    [['wal', 'push']],
    [['wal', 'push', 'x', '--help']],
    [['wal', 'get', 'x', '--colour']],
    [['wal', 'status']],
    [['list']],
  ])('%j is left to the long way', async line => {
    expect(await parseQuickly(line)).toBeUndefined()
  })
})
