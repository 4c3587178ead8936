import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { splitSql, whyNotInTransaction } from './sql-script.ts'

const textsOf = (script: string): readonly string[] => {
  const found = splitSql(script)
  if ('reason' in found) throw new Error(found.reason)
  return found.map(({ text }) => text)
}

describe('splitSql', () => {
  test.each([
    ['DELETE FROM a; DELETE FROM b', ['DELETE FROM a', 'DELETE FROM b']],
    [';; DELETE FROM a ;;', ['DELETE FROM a']],
    ["UPDATE a SET b = 'x;y''z;'; SELECT 1", ["UPDATE a SET b = 'x;y''z;'", 'SELECT 1']],
    ["SELECT E'a\\';b'; SELECT 2", ["SELECT E'a\\';b'", 'SELECT 2']],
    ["SELECT note'\\'; SELECT 2", ["SELECT note'\\'", 'SELECT 2']],
    ['DELETE FROM "odd;""name"; SELECT 2', ['DELETE FROM "odd;""name"', 'SELECT 2']],
    ['DO $$ BEGIN; END $$; SELECT 2', ['DO $$ BEGIN; END $$', 'SELECT 2']],
    ['DO $a$ $$;$$ $a$; SELECT 2', ['DO $a$ $$;$$ $a$', 'SELECT 2']],
    ['SELECT a$b$c; SELECT d$b$', ['SELECT a$b$c', 'SELECT d$b$']],
    ['-- one; two\nSELECT 1 -- three; four\n; -- five', ['SELECT 1']],
    ['/* one; /* two; */ three; */ SELECT 1; /* four */', ['SELECT 1']],
    ['SELECT 1 /* ; */ + 1;', ['SELECT 1 /* ; */ + 1']],
    ['SELECT $1; SELECT 2', ['SELECT $1', 'SELECT 2']],
    ['', []],
  ])('%j is %j', (script, statements) => {
    expect(textsOf(script)).toEqual(statements)
  })

  test.each([
    ["SELECT 1;\nSELECT 'abc", 2, 'quoted text does not end'],
    ['SELECT "abc', 1, 'a quoted name does not end'],
    ['\n\nDO $x$ BEGIN', 3, 'what begins with $x$ does not end'],
    ['SELECT 1 /* /* */', 1, 'a comment does not end'],
  ])('%j is flawed in line %d', (script, line, reason) => {
    expect(splitSql(script)).toEqual({ line, reason })
  })

  test('says in which line each begins', () => {
    expect(splitSql('-- first\n\nDELETE FROM a;\nDELETE\nFROM b;')).toEqual([
      { text: 'DELETE FROM a', line: 3 },
      { text: 'DELETE\nFROM b', line: 4 },
    ])
  })

  test('finds again what was joined, whatever is quoted', () => {
    const literal = fc.string().map(text => `SELECT '${text.replaceAll("'", "''")}'`)
    const name = fc.string({ minLength: 1 }).map(text => `DELETE FROM "${text.replaceAll('"', '""')}"`)
    const block = fc
      .string()
      .filter(text => !text.includes('$'))
      .map(text => `DO $q$${text}$q$`)
    fc.assert(
      fc.property(fc.array(fc.oneof(literal, name, block)), statements => {
        expect(textsOf(statements.join(';\n'))).toEqual(statements)
      }),
    )
  })
})

describe('whyNotInTransaction', () => {
  test.each([
    ['commit', 'COMMIT has no place here: everything runs in one transaction'],
    ['Rollback To x', 'ROLLBACK has no place here: everything runs in one transaction'],
    ["PREPARE TRANSACTION 'x'", 'PREPARE has no place here: everything runs in one transaction'],
    ['VACUUM users', 'VACUUM can not run in a transaction'],
    ['\\i other.sql', '\\i is a word for psql, not SQL'],
  ])('%j: %s', (text, why) => {
    expect(whyNotInTransaction({ text, line: 1 })).toBe(why)
  })

  test.each(['DELETE FROM commit', 'UPDATE a SET b = 1', 'DO $$ BEGIN END $$', '(SELECT 1)'])(
    '%j may',
    text => {
      expect(whyNotInTransaction({ text, line: 1 })).toBeUndefined()
    },
  )
})
