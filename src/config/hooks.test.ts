import { expect, test } from 'vitest'
import { commands } from '../cli/commands.ts'
import { parseConfig } from './load.ts'
import { hookVerbs } from './hooks.ts'

const hooksOf = (hooks: string) =>
  parseConfig(
    `cluster: gathr\npostgres: {connection: x}\nrepositories: {main: {url: "file:///srv", encryption: none}}\nhooks: ${hooks}\n`,
    'holdfast.yaml',
  ).hooks

test('the operations around which hooks run are those that there are', () => {
  const found = commands
    .filter(({ operation }) => operation && operation.withoutHooks !== true && operation.forSegments !== true)
    .map(({ words }) => words.join(' '))
  expect(found.toSorted()).toEqual([...hookVerbs].toSorted())
})

test('a text is for the shell, a list is a program, and several have a limit each', () => {
  expect(hooksOf('{}')).toEqual({ before: {}, after: {}, failed: {} })
  expect(
    hooksOf(
      '{before: {restore: [systemctl, stop, shop]}, after: {"*": "logger done", backup: [{run: "a b"}, {run: [c], time_limit: 30s}]}}',
    ),
  ).toEqual({
    before: { restore: [{ run: ['systemctl', 'stop', 'shop'], timeLimitMs: 300_000 }] },
    after: {
      '*': [{ run: 'logger done', timeLimitMs: 300_000 }],
      backup: [
        { run: 'a b', timeLimitMs: 300_000 },
        { run: ['c'], timeLimitMs: 30_000 },
      ],
    },
    failed: {},
  })
})

test.each([
  ['{before: {restor: x}}', /4:\d+: .*did you mean "restore"\?/],
  ['{before: {wal push: x}}', /is no operation that hooks run around/],
  ['{befor: {restore: x}}', /before/],
  ['{before: {restore: []}}', /4:\d+/],
  ['{before: {restore: {run: x, time_limit: soon}}}', /4:\d+: hooks.before.restore/],
])('%s is refused with its place', (text, message) => {
  expect(() => hooksOf(text)).toThrow(message)
})
