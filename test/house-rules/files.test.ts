/** Rules about files as such: their length, and what must not be left behind in them. */
import { expect, test } from 'vitest'
import { sourceFiles } from './sources.ts'

const files = sourceFiles('src', 'test', 'scripts', 'bench')
const lineCount = (text: string): number => text.split('\n').length - 1

test('no file has more than 400 lines', () => {
  expect(files.filter(({ text }) => lineCount(text) > 400).map(({ path }) => path)).toEqual([])
})

test('the median file has fewer than 150 lines', () => {
  const lengths = files.map(({ text }) => lineCount(text)).toSorted((a, b) => a - b)
  expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThan(150)
})

test('no test is left out, and none is run alone', () => {
  const left = /\b(?:test|it|describe)\.(?:only|skip|todo)\b/
  expect(
    files.filter(({ path, text }) => path.endsWith('.test.ts') && left.test(text)).map(({ path }) => path),
  ).toEqual([])
})

test('files begin by saying what they are for', () => {
  const silent = files.filter(
    ({ path, text }) =>
      path.startsWith('src/') &&
      !path.endsWith('.test.ts') &&
      !/^\s*\/\*\*/.test(text.slice(0, 400).replace(/^(import .*\n)+/, '')),
  )
  expect(silent.map(({ path }) => path)).toEqual([])
})

test('hints are sentences', () => {
  const hints = files
    .filter(({ path }) => path.startsWith('src/') && !path.endsWith('.test.ts'))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/\bhint:\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1\s*[,}\n]/g)].map(match => ({
        path,
        hint: match[2] ?? '',
      })),
    )
  expect(hints.filter(({ hint }) => hint !== '' && !/^[A-Z`$\\].*[.)}]$/s.test(hint))).toEqual([])
})
