import { expect, test } from 'vitest'
import { keptTerminal } from '../../test/fakes/terminal.ts'
import { Fault } from '../base/fault.ts'
import { simWorld } from '../base/world.ts'
import type { CommandContext } from './context.ts'
import { run, type Telling } from './run.ts'

/** Runs the command line against a configuration that can not be read. */
async function runWith(words: readonly string[], error: Error) {
  const terminal = keptTerminal()
  const open = (telling: Telling) =>
    ({
      ...telling,
      terminal,
      world: simWorld(),
      config: () => Promise.reject(error),
      openRepository: () => Promise.reject(error),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }) as unknown as CommandContext & AsyncDisposable
  const status = await run(words, { terminal, clock: { monotonicMs: () => 0 }, open })
  return { status, out: terminal.out.text(), err: terminal.err.text() }
}

const fault = new Fault('STORAGE_DENIED', 'no entry to /srv', {
  hint: 'Ask the owner.',
  cause: new Error('EACCES'),
})

test('a fault is told with its hint, and ends with its exit status', async () => {
  expect(await runWith(['list'], fault)).toEqual({
    status: 30,
    out: '',
    err: 'error: no entry to /srv\nhint: Ask the owner.\n',
  })
})

test('--verbose adds the causes', async () => {
  expect((await runWith(['list', '-v'], fault)).err).toContain('cause: EACCES\n')
})

test('with --json the error is one line of JSON on standard error', async () => {
  const { out, err } = await runWith(['list', '--json'], fault)
  expect(out).toBe('')
  expect(JSON.parse(err)).toEqual({
    error: {
      code: 'STORAGE_DENIED',
      exit: 30,
      retry: false,
      message: 'no entry to /srv',
      hint: 'Ask the owner.',
    },
  })
})

test('an error in the command line is JSON, too', async () => {
  const { status, err } = await runWith(['lst', '--json'], fault)
  expect(status).toBe(2)
  expect(JSON.parse(err)).toMatchObject({ error: { code: 'USAGE' } })
})

test('what is not a fault is a mistake of ours, and is told with its stack', async () => {
  const { status, err } = await runWith(['list'], new TypeError('x is not a function'))
  expect(status).toBe(1)
  expect(err).toMatch(/^error: unexpected: TypeError: x is not a function\n {4}at /)
  expect(err).toMatch(/Please report it/)
})

test('wal get ends with 126 whatever went wrong, so that PostgreSQL does not promote', async () => {
  expect((await runWith(['wal', 'get', '000000010000000000000001', '/x'], fault)).status).toBe(126)
  expect((await runWith(['wal', 'get', '000000010000000000000001', '/x'], new Error('boom'))).status).toBe(
    126,
  )
  expect((await runWith(['wal', 'get', '000000010000000000000001'], fault)).status).toBe(126)
})

test('--help goes to standard output', async () => {
  expect(await runWith(['backup', '--help'], fault)).toMatchObject({
    status: 0,
    err: '',
    out: expect.stringContaining('Usage: holdfast backup') as string,
  })
})
