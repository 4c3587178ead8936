import { expect, test } from 'vitest'
import { minute } from '../base/units.ts'
import { runProgram, runWell } from './run-program.ts'

const signal = new AbortController().signal
const call = (script: string, timeLimitMs = minute) =>
  ({ words: ['/bin/sh', '-c', script], timeLimitMs }) as const

test('gives what the program says, and its status', async () => {
  expect(await runProgram({ ...call('cat; echo no >&2; exit 3'), input: 'yes' }, signal)).toEqual({
    status: 3,
    stdout: 'yes',
    stderr: 'no\n',
  })
})

test('a failure tells the end of what the program said', async () => {
  await expect(runWell(runProgram, call('echo "no space left" >&2; exit 5'), signal)).rejects.toMatchObject({
    code: 'SNAPSHOT_FAILED',
    message: expect.stringMatching(/status 5: no space left$/) as string,
  })
})

test('after its time the program ends, with all that it has started', async () => {
  // The inner one would hold the output open for a minute.
  const running = runProgram(call('sleep 60 & wait', 200), signal)
  await expect(running).rejects.toMatchObject({
    code: 'SNAPSHOT_FAILED',
    message: expect.stringContaining('did not end within') as string,
  })
})

test('told to stop, it ends with the reason', async () => {
  const stop = new AbortController()
  const running = runProgram(call('sleep 60'), stop.signal)
  stop.abort(new Error('enough'))
  await expect(running).rejects.toThrow('enough')
})

test('a program that says too much is ended', async () => {
  await expect(runProgram(call('yes'), signal)).rejects.toMatchObject({
    message: expect.stringContaining('wrote more than') as string,
  })
})

test('a program that is not installed is told with its package', async () => {
  await expect(
    runProgram({ words: ['/nonexistent/btrfs'], timeLimitMs: minute }, signal),
  ).rejects.toMatchObject({ code: 'SNAPSHOT_UNSUPPORTED' })
})
