import { expect, test } from 'vitest'
import { parseOptions } from './options.ts'

test('without options everything but the many files is measured five times', () => {
  const options = parseOptions([])
  expect(options.runs).toBe(5)
  expect([...options.suites]).toEqual(['backup', 'restore', 'wal', 'startup'])
})

test('--quick runs twice and writes no report', () => {
  expect(parseOptions(['--quick'])).toMatchObject({ quick: true, runs: 2, report: false })
})

test('--only names suites, and --many-files adds to them', () => {
  expect([...parseOptions(['--only', 'wal', '--many-files']).suites]).toEqual(['wal', 'many-files'])
})

test('--storage s3 measures what matters there, also far away', () => {
  const options = parseOptions(['--storage', 's3'])
  expect(options).toMatchObject({ storage: 's3', runs: 3 })
  expect([...options.suites]).toEqual(['backup', 'restore', 'wal', 'far'])
})

test.each(['--storage ftp', '--only far', '--only wall', '--runs 0', '--runs x', '--caches hot', '--fast'])(
  '%s is refused',
  line => {
    expect(() => parseOptions(line.split(' '))).toThrow()
  },
)
