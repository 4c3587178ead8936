import { expect, test } from 'vitest'
import { beforeFirst, encodeEntry, parseEntry, type AuditEvent } from './entry.ts'
import { TrailRows, type TrailFilter } from './trail-rows.ts'

const alice = {
  user: 'postgres',
  uid: 101,
  sudoUser: 'alice',
  host: 'db1',
  pid: 7,
  by: 'hand',
  terminal: true,
}
const agent = {
  user: 'postgres',
  uid: 101,
  host: 'db1',
  pid: 8,
  by: 'agent',
  job: 'nightly',
  terminal: false,
}
const whatOf = (verb: string, repositories: string[]) => ({
  verb,
  words: [verb],
  cluster: 'gathr',
  repositories,
  ids: [],
  tool: 't',
})
const at = (minute: number): string => `2026-03-01T00:${String(minute).padStart(2, '0')}:00.000Z`

const events: readonly AuditEvent[] = [
  { event: 'chain', at: at(0), who: agent, tool: 't' },
  { event: 'begun', at: at(1), operation: 'a', who: agent, what: whatOf('backup', []) },
  { event: 'begun', at: at(2), operation: 'b', who: alice, what: whatOf('restore', []) },
  { event: 'note', at: at(3), operation: 'b', who: alice, about: 'erasure', facts: { subject: 'x' } },
  {
    event: 'ended',
    startedAt: at(1),
    at: at(4),
    operation: 'a',
    who: agent,
    what: whatOf('backup', ['main']),
    result: { state: 'failed', exit: 31, code: 'STORAGE_UNAVAILABLE' },
    keys: [{ repository: 'main', publicKeys: ['age1x'] }],
  },
  { event: 'mended', at: at(5), who: agent, bytes: 3, removed: '{"f' },
]

function rows(filter: TrailFilter) {
  const trail = new TrailRows(filter)
  let head = beforeFirst('db1-aa')
  for (const event of events) {
    const encoded = encodeEntry(head, event)
    head = encoded.head
    trail.take(parseEntry(encoded.line)!)
  }
  return trail.end()
}

const verbs = (filter: TrailFilter) => rows(filter).map(({ verb }) => verb)

test('an operation is one row, with its end or without', () => {
  expect(
    rows({}).map(({ verb, state, startedAt, endedAt }) => ({ verb, state, startedAt, endedAt })),
  ).toEqual([
    { verb: 'backup', state: 'failed', startedAt: at(1), endedAt: at(4) },
    { verb: 'restore', state: 'unended', startedAt: at(2), endedAt: null },
    { verb: 'erasure', state: 'note', startedAt: at(3), endedAt: at(3) },
    { verb: 'audit mended', state: 'note', startedAt: at(5), endedAt: at(5) },
  ])
})

test.each([
  [{ verb: 'restore' }, ['restore']],
  [{ user: 'alice' }, ['restore', 'erasure']],
  [{ state: 'failed' as const }, ['backup']],
  [{ state: 'unended' as const }, ['restore']],
  [{ repository: 'main' }, ['backup']],
  [{ keys: true }, ['backup']],
  // What was under way at that time counts.
  [{ sinceMs: Date.parse(at(4)) }, ['backup', 'audit mended']],
  [{ untilMs: Date.parse(at(2)) }, ['backup']],
])('%o gives %o', (filter, found) => {
  expect(verbs(filter)).toEqual(found)
})
