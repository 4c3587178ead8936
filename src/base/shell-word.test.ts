import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { shellWord } from './shell-word.ts'

test('a shell gives back what was quoted, whatever it is', () => {
  const texts = fc.array(
    fc.string({ unit: 'binary' }).filter(text => !text.includes('\0') && text.isWellFormed()),
    {
      minLength: 1,
      maxLength: 20,
    },
  )
  fc.assert(
    fc.property(texts, words => {
      const said = execFileSync('sh', ['-c', `printf '%s\\0' ${words.map(shellWord).join(' ')}`])
      expect(said.toString().split('\0').slice(0, -1)).toEqual(words)
    }),
    { numRuns: 30 },
  )
})

test('what needs no quotes has none', () => {
  expect(shellWord('/srv/pg-15_a@b:c.d')).toBe('/srv/pg-15_a@b:c.d')
  expect(shellWord("it's")).toBe(`'it'\\''s'`)
  expect(shellWord('')).toBe("''")
})
