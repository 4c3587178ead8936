import { expect, test } from 'vitest'
import { commands } from './commands.ts'
import { bytesIn, idsGiven, idsIn, isOperation, shownWords, targetOf } from './operation-facts.ts'

const named = (name: string) => {
  const found = commands.find(({ words }) => words.join(' ') === name)
  if (!found) throw new Error(`no command ${name}`)
  return found
}

test('what an operation names are arguments and options of its command', () => {
  for (const { operation, options, arguments: args, words } of commands) {
    const { unless = [], needs = [], target = [] } = operation ?? {}
    const names = [...unless, ...target, ...needs]
    expect({ words, unknown: names.filter(name => !(name in options) && !(name in args)) }).toEqual({
      words,
      unknown: [],
    })
  }
})

test('a plan, a dry run and a list are no operations', () => {
  expect(isOperation(named('restore'), { plan: true })).toBe(false)
  expect(isOperation(named('restore'), { plan: false })).toBe(true)
  expect(isOperation(named('expire'), { dryRun: true })).toBe(false)
  expect(isOperation(named('hold'), { id: undefined })).toBe(false)
  expect(isOperation(named('hold'), { id: '20260301T020000Z-full' })).toBe(true)
  expect(isOperation(named('agent limit'), { for: 60_000 })).toBe(false)
  expect(isOperation(named('agent limit'), { network: 'none' })).toBe(true)
  expect(isOperation(named('list'), {})).toBe(false)
})

test('words are shown without what may be secret', () => {
  const words = ['restore-dump', 'latest', '--connection', 'host=db1 user=x', '--database', 'shop']
  expect(shownWords(words, named('restore-dump'))).toEqual([
    'restore-dump',
    'latest',
    '--connection',
    '***',
    '--database',
    'shop',
  ])
  expect(shownWords(['init', '--connection=postgresql://a:b@c/d'], named('init'))).toEqual([
    'init',
    '--connection=***',
  ])
  expect(shownWords(['hold', 'x', '--reason', 'postgresql://a:b@c/d'], named('hold'))[3]).toBe(
    'postgresql://a:***@c/d',
  )
  expect(
    shownWords(
      Array.from({ length: 100 }, () => 'x'),
      named('copy'),
    ),
  ).toHaveLength(65)
})

test('the target is the first that was given', () => {
  expect(targetOf(named('restore'), { targetDir: '/srv/pg', asInstance: undefined })).toBe('/srv/pg')
  expect(targetOf(named('restore'), { targetDir: undefined, asInstance: 'db2' })).toBe('db2')
  expect(targetOf(named('backup'), {})).toBeUndefined()
})

test('ids are those that were touched, wherever the result has them', () => {
  const [one, two, three] = ['20260301T020000Z-full', '20260302T020000Z-incremental', '20260303T020000Z-dump']
  expect(idsIn([{ id: two, parent: one, packs: [{ name: 'x' }] }])).toEqual([two])
  expect(
    idsIn([
      [
        {
          items: [
            { id: one, verdict: 'keep' },
            { id: three, verdict: 'remove' },
          ],
        },
      ],
    ]),
  ).toEqual([three])
  expect(idsIn([{ plan: { backup: one, chain: [one, two] }, result: { backup: two } }])).toEqual([one, two])
  expect(idsIn([{ copied: { backups: [one] }, left: [{ id: two }], steps: [{ id: three }] }])).toEqual([one])
  expect(idsGiven({ id: 'latest', ids: [one, 3], backup: undefined })).toEqual(['latest', one])
})

test('bytes are those that were written, of all repositories', () => {
  expect(bytesIn([{ sizes: { rawBytes: 9, storedBytes: 4 } }])).toBe(4)
  expect(bytesIn([{ plan: { bytes: 7 }, result: { bytes: 5, bytesFetched: 3 } }])).toBe(5)
  expect(bytesIn([[{ copied: { bytes: 5 } }, { copied: { bytes: 6 } }]])).toBe(11)
  expect(bytesIn([])).toBeUndefined()
  expect(bytesIn([{ findings: [] }])).toBeUndefined()
})
