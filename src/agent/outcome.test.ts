import { describe, expect, test } from 'vitest'
import { outcomeOf } from './outcome.ts'

const end = (exit: number | undefined, err = ''): { exit: number | undefined; out: string; err: string } => ({
  exit,
  out: '',
  err,
})

describe('what the end of a run means', () => {
  test.each([
    ['backup', 0, undefined, 'done'],
    ['backup', 61, undefined, 'findings'],
    ['backup', 37, undefined, 'findings'],
    ['copy', 37, undefined, 'failed'],
    ['verify', 25, undefined, 'findings'],
    ['dump', 2, undefined, 'refused'],
    ['dump', 31, undefined, 'failed'],
    ['dump', undefined, undefined, 'lost'],
    ['dump', 130, 'stopped', 'stopped'],
    ['dump', 143, 'late', 'timeout'],
    // It was done before it heard that it should stop.
    ['dump', 0, 'stopped', 'done'],
  ] as const)('%s that ends with %s (%s) is %s', (kind, exit, told, outcome) => {
    expect(outcomeOf(kind, end(exit), told).outcome).toBe(outcome)
  })

  test('tells the fault that it printed, or its last words', () => {
    const fault = JSON.stringify({ error: { code: 'SPACE', message: 'too little space' } })
    expect(outcomeOf('dump', end(52, `warning: x\n${fault}\n`), undefined).message).toBe('too little space')
    expect(outcomeOf('dump', end(1, 'one\ntwo\n'), undefined).message).toBe('two')
    expect(outcomeOf('dump', end(1, '{"error": cut'), undefined).message).toBe('{"error": cut')
  })
})
