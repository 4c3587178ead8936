import { describe, expect, test } from 'vitest'
import { ruleMatcher } from './object-rules.ts'

describe('rules for what is newly written', () => {
  const classOf = (key: string, ...patterns: readonly string[]) =>
    ruleMatcher(patterns.map(pattern => ({ pattern, storageClass: pattern })))(key)?.storageClass

  test.each([
    ['a/b', '**', true],
    ['a/b/c', '*/b/**', true],
    ['a/x/b/c', '*/b/**', false],
    ['gathr/wal/00000001/0/1.zst', '*/wal/**', true],
    ['a.b', 'a.b', true],
    ['aXb', 'a.b', false],
    ['a+(b)', 'a+(b)', true],
    ['a\nb', '**', true],
  ])('%j against %s', (key, pattern, expected) => {
    expect(classOf(key, pattern) !== undefined).toBe(expected)
  })

  test('the first that matches counts', () => {
    expect(classOf('c/wal/1', 'c/dumps/**', 'c/wal/**', '**')).toBe('c/wal/**')
  })
})
