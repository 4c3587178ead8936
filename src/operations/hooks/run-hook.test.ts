import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { hookLimits } from './limits.ts'
import { systemWorld } from '../../base/world.ts'
import { hookEnvironment, type OperationFacts } from './environment.ts'
import { runHook, type HookCall } from './run-hook.ts'

const { clock } = systemWorld()
const never = new AbortController().signal
let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-hook-'))
})
afterEach(() => {
  rmSync(root, { recursive: true })
})

const run = (call: HookCall['run'], more: { timeLimitMs?: number; signal?: AbortSignal } = {}) =>
  runHook(
    {
      run: call,
      timeLimitMs: more.timeLimitMs ?? 60_000,
      environment: { PATH: '/usr/bin:/bin', ROOT: root },
    },
    clock,
    more.signal ?? never,
  )

const isAlive = (pid: number): boolean => {
  try {
    return (
      readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
        .split(') ')[1]
        ?.startsWith('Z') === false
    )
  } catch {
    return false
  }
}
const pidIn = (name: string): number => Number(readFileSync(join(root, name), 'utf8'))

test('a text is for the shell, a list is not', async () => {
  expect(await run('echo "$ROOT" | tr a-z A-Z; echo more >&2')).toMatchObject({
    failure: undefined,
    exit: 0,
    said: expect.stringContaining(root.toUpperCase()),
  })
  expect(await run(['/bin/echo', '$ROOT', 'a b'])).toMatchObject({ exit: 0, said: '$ROOT a b' })
})

test('its exit status, a signal, and a program that is not there are failures', async () => {
  expect(await run('echo sorry; exit 7')).toMatchObject({
    exit: 7,
    failure: 'it ended with exit status 7',
    said: 'sorry',
  })
  expect(await run('kill -9 $$')).toMatchObject({ exit: undefined, failure: 'it was ended by SIGKILL' })
  expect((await run(['/no/such/program'])).failure).toMatch(/^it could not be started: .*ENOENT/)
  expect((await run([''])).failure).toBeDefined()
})

test('over its limit of time it is killed, with all that it has started, also what does not want to', async () => {
  const end = await run(
    `trap '' TERM; (trap '' TERM; echo $$ >/dev/null; exec sleep 600) & echo $! >"$ROOT/inner"; echo $$ >"$ROOT/outer"; echo begun; wait; wait`,
    { timeLimitMs: 500 },
  )
  expect(end).toMatchObject({ failure: 'it took longer than 500 ms', said: 'begun' })
  expect(end.durationMs).toBeGreaterThan(400)
  await expect
    .poll(() => [isAlive(pidIn('inner')), isAlive(pidIn('outer'))], { timeout: 20_000 })
    .toEqual([false, false])
})

test('when the operation is stopped, so is the hook', async () => {
  const stop = new AbortController()
  const ended = run('echo $$ >"$ROOT/pid"; exec sleep 600', { signal: stop.signal })
  await expect.poll(() => existsSync(join(root, 'pid')), { timeout: 20_000 }).toBe(true)
  stop.abort()
  expect(await ended).toMatchObject({ failure: 'the operation was stopped' })
  expect((await run('true', { signal: stop.signal })).failure).toBeDefined()
})

test('what it starts in the background may go on, and is not waited for', async () => {
  const end = await run('sleep 600 & echo $! >"$ROOT/pid"; echo done')
  expect(end).toMatchObject({ exit: 0, said: 'done' })
  expect(end.durationMs).toBeLessThan(60_000)
  expect(isAlive(pidIn('pid'))).toBe(true)
  process.kill(pidIn('pid'), 'SIGKILL')
})

test('of what it says the end is kept', async () => {
  const { said } = await run('i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i+1)); done')
  expect(said.length).toBeLessThanOrEqual(hookLimits.saidCharsMax)
  expect(said).toMatch(/line 2999$/)
})

test('the facts are variables; what is not known is empty', () => {
  const facts: OperationFacts = {
    moment: 'before',
    verb: 'restore',
    operation: 'a1',
    cluster: 'gathr',
    configPath: '/etc/holdfast/holdfast.yaml',
    repositories: ['main', 'second'],
    ids: ['20260301T020000Z-full', '20260302T020000Z-incremental'],
    target: '/srv/pg',
    startedBy: 'agent:nightly',
    startedAt: '2026-03-01T02:00:00.000Z',
  }
  expect(hookEnvironment(facts)).toMatchObject({
    HOLDFAST_HOOK: 'before',
    HOLDFAST_OPERATION: 'restore',
    HOLDFAST_REPOSITORY: 'main second',
    HOLDFAST_ID: '20260301T020000Z-full',
    HOLDFAST_IDS: '20260301T020000Z-full 20260302T020000Z-incremental',
    HOLDFAST_TARGET: '/srv/pg',
    HOLDFAST_RESULT: '',
    HOLDFAST_EXIT: '',
  })
  const end = {
    at: '2026-03-01T02:04:00.000Z',
    exit: 51,
    code: 'TARGET_DIRECTORY',
    message: 'a\0b',
    bytes: 7,
  }
  expect(hookEnvironment({ ...facts, moment: 'failed', end })).toMatchObject({
    HOLDFAST_RESULT: 'failed',
    HOLDFAST_EXIT: '51',
    HOLDFAST_CODE: 'TARGET_DIRECTORY',
    HOLDFAST_MESSAGE: 'ab',
    HOLDFAST_BYTES: '7',
    HOLDFAST_ENDED_AT: '2026-03-01T02:04:00.000Z',
  })
})
