import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ChainCheck } from './check-chain.ts'
import { beforeFirst, encodeEntry, parseEntry, type AuditEvent } from './entry.ts'

const who = { user: 'postgres', uid: 101, host: 'db1', pid: 7, by: 'agent', job: 'backup', terminal: false }

const event: fc.Arbitrary<AuditEvent> = fc
  .record({
    at: fc
      .date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true })
      .map(date => date.toISOString()),
    operation: fc.string({ minLength: 1, maxLength: 8 }),
    about: fc.string({ maxLength: 20 }),
    value: fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.boolean(), fc.constant(null)),
  })
  .map(({ value, ...rest }) => ({ event: 'note' as const, who, facts: { value }, ...rest }))

const chain: fc.Arbitrary<readonly string[]> = fc
  .array(event, { minLength: 3, maxLength: 12 })
  .map(events => linesOf('db1-aa', events))

function linesOf(name: string, events: readonly AuditEvent[]): readonly string[] {
  let head = beforeFirst(name)
  return events.map(one => {
    const encoded = encodeEntry(head, one)
    head = encoded.head
    return encoded.line
  })
}

function check(lines: readonly string[]) {
  const found = new ChainCheck()
  lines.forEach((line, i) => found.take(line, `line ${String(i + 1)}`))
  return found
}

/** What somebody who holds on to the head that he once saw would say. */
const isAsBefore = (lines: readonly string[], seen: ChainCheck): boolean => {
  const { problems, last } = check(lines)
  return problems.length === 0 && last?.n === seen.last?.n && last?.hash === seen.last?.hash
}

test('what was written is read back, and is a chain', () => {
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 12 }), events => {
      const lines = linesOf('db1-aa', events)
      expect(lines.map(line => parseEntry(line))).toEqual(events.map(one => expect.objectContaining(one)))
      expect(lines.filter(line => line.includes('\n'))).toEqual([])
      expect(check(lines)).toMatchObject({ problems: [], count: events.length })
    }),
  )
})

test('an entry that was removed is found: one in the middle by the chain, the last one by its head', () => {
  fc.assert(
    fc.property(chain, fc.nat(), (lines, at) => {
      const i = at % lines.length
      const left = lines.toSpliced(i, 1)
      if (i < lines.length - 1) expect(check(left).problems).not.toEqual([])
      expect(isAsBefore(left, check(lines))).toBe(false)
    }),
  )
})

test('a changed character is found wherever it is', () => {
  fc.assert(
    fc.property(
      chain,
      fc.nat(),
      fc.nat(),
      fc.string({ minLength: 1, maxLength: 1 }),
      (lines, at, in_, by) => {
        const i = at % lines.length
        const line = lines[i]!
        const c = in_ % line.length
        fc.pre(line[c] !== by)
        const changed = lines.toSpliced(i, 1, line.slice(0, c) + by + line.slice(c + 1))
        expect(check(changed).problems).not.toEqual([])
      },
    ),
  )
})

test('an entry that was written anew, with a hash that fits it, is found by the next one or by the head', () => {
  fc.assert(
    fc.property(chain, event, fc.nat(), (lines, other, at) => {
      const i = at % lines.length
      const before = check(lines.slice(0, i)).last ?? beforeFirst('db1-aa')
      const { line } = encodeEntry(before, other)
      fc.pre(line !== lines[i])
      expect(isAsBefore(lines.toSpliced(i, 1, line), check(lines))).toBe(false)
      if (i < lines.length - 1) expect(check(lines.toSpliced(i, 1, line)).problems).not.toEqual([])
    }),
  )
})

test('two entries that changed places are found', () => {
  fc.assert(
    fc.property(chain, fc.nat(), fc.nat(), (lines, a, b) => {
      const [i, j] = [a % lines.length, b % lines.length]
      fc.pre(i !== j)
      expect(check(lines.with(i, lines[j]!).with(j, lines[i]!)).problems).not.toEqual([])
    }),
  )
})

test('a cut is found: within a line by the chain, between two by the head', () => {
  fc.assert(
    fc.property(chain, fc.nat(), (lines, at) => {
      const whole = lines.map(line => `${line}\n`).join('')
      const cut = whole.slice(0, at % whole.length)
      const left = cut.split('\n').filter(line => line !== '')
      // Only the end of the last line is gone: nothing is lost, and the next entry mends it.
      fc.pre(cut.length < whole.length - 1)
      expect(isAsBefore(left, check(lines))).toBe(false)
      if (!cut.endsWith('\n') && cut !== '' && !lines.includes(left.at(-1)!))
        expect(check(left).problems).not.toEqual([])
    }),
  )
})

test('an entry of another chain is found among those of this one', () => {
  fc.assert(
    fc.property(chain, event, (lines, one) => {
      const other = linesOf(
        'db2-bb',
        Array.from({ length: lines.length + 1 }, () => one),
      ).at(-1)!
      expect(check([...lines, other]).problems).not.toEqual([])
    }),
  )
})

test('what is wrong is told with its place', () => {
  const note = (about: string): AuditEvent => ({
    event: 'note',
    at: '2026-03-01T00:00:00.000Z',
    operation: 'a',
    who,
    about,
    facts: {},
  })
  const [one, two, three, four] = linesOf('db1-aa', ['a', 'b', 'c', 'd'].map(note)) as [
    string,
    string,
    string,
    string,
  ]
  const problems = (...lines: readonly string[]) => check(lines).problems.map(({ message }) => message)
  expect(problems(one, four)).toEqual(['before line 2, entries 2 to 3 are missing'])
  expect(problems(two, three)).toEqual(['line 1 is entry 2, and entry 1 is not there'])
  expect(problems(one, three, two, four)).toEqual([
    'before line 2, entry 2 is missing',
    'line 3 is entry 2, and stands after entry 3',
    'before line 4, entry 3 is missing',
  ])
  expect(problems(one, two.replace('"b"', '"x"'), three)).toEqual(['line 2 is no entry, or was changed'])
  const [, anew] = linesOf('db1-aa', ['a', 'x'].map(note)) as [string, string]
  expect(problems(one, anew, three)).toEqual([
    'line 3 does not follow entry 2 as it is: one of them was replaced',
  ])
})
