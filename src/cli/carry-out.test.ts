import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keptTerminal } from '../../test/fakes/terminal.ts'
import { ChainCheck } from '../audit/check-chain.ts'
import { readLines } from '../audit/journal.ts'
import type { Entry } from '../audit/entry.ts'
import { Fault } from '../base/fault.ts'
import { systemWorld } from '../base/world.ts'
import { parseConfig } from '../config/load.ts'
import { carryOut } from './carry-out.ts'
import type { Command, Operation } from './command.ts'
import type { CommandContext, OpenPlace } from './context.ts'
import { createOutput } from './output.ts'
import { countFailure } from './segment-failure.ts'

/** Time passes when a test says so; hooks have theirs. */
const system = systemWorld()
let nowMs: number
let root: string
let folder: string
beforeEach(() => {
  nowMs = Date.parse('2026-03-01T02:00:00Z')
  root = mkdtempSync(join(tmpdir(), 'holdfast-carry-out-'))
  folder = join(root, 'audit')
  writeFileSync(join(root, 'holdfast.yaml'), configText(false))
})
afterEach(() => {
  rmSync(root, { recursive: true })
})

const configText = (required: boolean, hooks = '{}'): string => `
cluster: gathr
postgres: { connection: 'host=/run' }
repositories: { main: { url: 'file:///srv/backups', encryption: none } }
audit: { directory: ${join(root, 'audit')}, required: ${String(required)} }
hooks: ${hooks}
`
const identity = 'AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33'
const denied = new Fault('STORAGE_DENIED', 'no entry for postgresql://a:b@c/d', { hint: 'Ask the owner.' })

type Work = (context: CommandContext) => Promise<number | undefined>

async function runOne(
  work: Work,
  options: {
    operation?: Operation | undefined
    required?: boolean
    given?: Readonly<Record<string, unknown>>
    hooks?: string
    environment?: Readonly<Record<string, string>>
    signal?: AbortSignal
  } = {},
) {
  const { operation = {}, required = false, given = {}, hooks = '{}', environment = {} } = options
  const terminal = {
    ...keptTerminal(),
    environment: { PATH: '/usr/bin:/bin', HOLDFAST_STARTED_BY: 'agent:nightly', ...environment },
  }
  const config = parseConfig(configText(required, hooks), 'holdfast.yaml')
  const open = (name = 'main') =>
    Promise.resolve({ name, identities: () => Promise.resolve([identity]) } as unknown as OpenPlace)
  const context = {
    world: { ...system, clock: { ...system.clock, now: () => nowMs } },
    terminal,
    output: createOutput(
      terminal.out,
      terminal.err,
      { json: false, verbose: false, quiet: false },
      () => undefined,
    ),
    signal: options.signal ?? new AbortController().signal,
    config: () => Promise.resolve({ config, path: join(root, 'holdfast.yaml') }),
    openPlace: open,
    openRepository: open,
  } as unknown as CommandContext
  const command: Command = {
    words: ['restore'],
    summary: '',
    examples: [],
    arguments: {},
    options: {},
    run: work,
    ...('operation' in options && options.operation === undefined ? {} : { operation }),
  }
  const failures: unknown[] = []
  const failed = (error: unknown): number => {
    failures.push(error)
    return error instanceof Fault ? error.exit : 1
  }
  const status = await carryOut(
    { command, given, words: ['restore', '--target-dir', '/srv/pg'], failed },
    context,
  )
  return { status, failures, err: terminal.err.text() }
}

async function entries(): Promise<readonly Entry[]> {
  const check = new ChainCheck()
  const found: Entry[] = []
  for await (const { line, place } of readLines(folder)) {
    const entry = check.take(line, place)
    if (entry) found.push(entry)
  }
  expect(check.problems).toEqual([])
  return found
}

const events = async () => (await entries()).map(({ event }) => event)

test('an operation is entered before it begins and when it has ended, with what it touched', async () => {
  const work: Work = async context => {
    expect(await events()).toEqual(['chain', 'begun'])
    await (await context.openRepository()).identities()
    nowMs += 90_000
    context.output.result({ result: { backup: '20260301T020000Z-full', bytes: 77 } }, () => '')
    return undefined
  }
  const target = { targetDir: '/srv/pg' }
  expect(await runOne(work, { operation: { target: ['targetDir'] }, given: target })).toMatchObject({
    status: 0,
    err: '',
  })
  const [, begun, ended] = await entries()
  expect(begun).toMatchObject({ event: 'begun', what: { verb: 'restore', ids: [], repositories: [] } })
  expect(ended).toMatchObject({
    event: 'ended',
    operation: (begun as { operation: string }).operation,
    startedAt: '2026-03-01T02:00:00.000Z',
    at: '2026-03-01T02:01:30.000Z',
    who: { by: 'agent', job: 'nightly', pid: process.pid },
    what: {
      verb: 'restore',
      words: ['restore', '--target-dir', '/srv/pg'],
      cluster: 'gathr',
      repositories: ['main'],
      ids: ['20260301T020000Z-full'],
      target: '/srv/pg',
      configSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
    result: { state: 'done', exit: 0, bytes: 77 },
    keys: [{ repository: 'main', publicKeys: [expect.stringMatching(/^age1/)] }],
  })
})

test('a failure is entered with its code, and without what may be secret', async () => {
  const { status, failures } = await runOne(() => Promise.reject(denied))
  expect({ status, failures }).toEqual({ status: 30, failures: [denied] })
  expect((await entries()).at(-1)).toMatchObject({
    result: {
      state: 'failed',
      exit: 30,
      code: 'STORAGE_DENIED',
      message: 'no entry for postgresql://a:***@c/d',
    },
  })
})

test('what ended with another status than 0 has failed', async () => {
  expect((await runOne(() => Promise.resolve(25))).status).toBe(25)
  expect((await entries()).at(-1)).toMatchObject({ result: { state: 'failed', exit: 25 } })
})

test('a command that only looks is entered when it was refused something or used a key', async () => {
  const look = { operation: undefined }
  await runOne(() => Promise.resolve(undefined), look)
  await runOne(() => Promise.reject(new Fault('STORAGE_UNAVAILABLE', 'away', { hint: 'Wait.' })), look)
  await runOne(() => Promise.reject(new Fault('USAGE', 'what?', { hint: 'See help.' })), look)
  expect(await events()).toEqual([])
  await runOne(() => Promise.reject(denied), look)
  await runOne(async context => {
    await (await context.openPlace('main')).identities()
    return undefined
  }, look)
  expect(await events()).toEqual(['chain', 'ended', 'ended'])
})

test('what is entered within an operation stands between its begin and its end', async () => {
  await runOne(async context => {
    await context.enter('erasure', { subject: 'case 4711', rows: 3 })
    return undefined
  })
  expect(await events()).toEqual(['chain', 'begun', 'note', 'ended'])
  const [, begun, note] = await entries()
  expect(note).toMatchObject({ about: 'erasure', facts: { subject: 'case 4711', rows: 3 } })
  expect((note as { operation: string }).operation).toBe((begun as { operation: string }).operation)
})

test('where the trail can not be written, the operation is carried out and warns once', async () => {
  writeFileSync(folder, '')
  let isDone = false
  const { status, err } = await runOne(async context => {
    await context.enter('erasure', {})
    isDone = true
    return undefined
  })
  expect({ status, isDone }).toEqual({ status: 0, isDone: true })
  expect(err.match(/warning: the audit trail in .* can not be written/g)).toHaveLength(1)
})

test('where the trail is required and can not be written, nothing is begun', async () => {
  writeFileSync(folder, '')
  let isBegun = false
  const { status, failures } = await runOne(
    () => {
      isBegun = true
      return Promise.resolve(undefined)
    },
    { required: true },
  )
  expect({ status, isBegun }).toEqual({ status: 110, isBegun: false })
  expect(failures).toMatchObject([{ code: 'AUDIT_UNWRITABLE' }])
})

/** Hooks that write down what they are told. */
const noting = (): string => {
  const told = `echo "$HOLDFAST_HOOK $HOLDFAST_OPERATION $HOLDFAST_RESULT $HOLDFAST_EXIT $HOLDFAST_CODE" >>${root}/told`
  const all = JSON.stringify(told)
  return `{before: {restore: ${all}}, after: {restore: ${all}}, failed: {"*": ${all}}}`
}
const toldTo = (): readonly string[] =>
  existsSync(join(root, 'told'))
    ? readFileSync(join(root, 'told'), 'utf8')
        .trim()
        .split('\n')
        .map(line => line.trim())
    : []

test('hooks run before and after an operation, or when it failed, and are entered', async () => {
  await runOne(() => Promise.resolve(undefined), { hooks: noting() })
  expect(toldTo()).toEqual(['before restore', 'after restore done 0'])
  expect(await events()).toEqual(['chain', 'begun', 'note', 'note', 'ended'])
  expect((await entries())[2]).toMatchObject({
    about: 'hook',
    facts: { moment: 'before', result: 'done', exit: 0 },
  })
  await runOne(() => Promise.reject(denied), { hooks: noting() })
  expect(toldTo().slice(2)).toEqual(['before restore', 'failed restore failed 30 STORAGE_DENIED'])
})

test('a hook before it that fails stops the operation, and what follows a failure is run', async () => {
  let isBegun = false
  const work: Work = () => {
    isBegun = true
    return Promise.resolve(undefined)
  }
  const hooks = `{before: {restore: [{run: "echo no; exit 3"}, {run: "touch ${root}/second"}]}, failed: {restore: "touch ${root}/failed"}}`
  const { status, failures, err } = await runOne(work, { hooks })
  expect({ status, isBegun }).toEqual({ status: 113, isBegun: false })
  expect(failures).toMatchObject([
    {
      code: 'HOOK_FAILED',
      message: 'the hook before restore `echo no; exit 3` failed: it ended with exit status 3 (no)',
    },
  ])
  expect(err).toContain('hook: no')
  expect(['second', 'failed'].map(name => existsSync(join(root, name)))).toEqual([false, true])
  expect((await entries()).at(-1)).toMatchObject({ result: { state: 'failed', code: 'HOOK_FAILED' } })
})

test('a hook after it that fails warns, and the exit status tells; the operation is done', async () => {
  const hooks = '{after: {restore: "exit 1"}}'
  const { status, failures, err } = await runOne(() => Promise.resolve(undefined), { hooks })
  expect({ status, failures }).toEqual({ status: 114, failures: [] })
  expect(err).toMatch(/warning: the hook after restore `exit 1` failed/)
  expect((await entries()).at(-1)).toMatchObject({
    result: { state: 'done', exit: 114, code: 'HOOK_AFTER_FAILED' },
  })
})

test('a hook of a failure that fails itself leaves the exit status that there is', async () => {
  const { status, err } = await runOne(() => Promise.reject(denied), { hooks: '{failed: {"*": "exit 1"}}' })
  expect(status).toBe(30)
  expect(err).toMatch(/warning: the hook failed restore `exit 1` failed/)
})

test('an operation that is stopped has its hooks of failures run', async () => {
  const stop = new AbortController()
  const work: Work = context => {
    stop.abort(new Fault('INTERRUPTED', 'stopped by SIGTERM', { hint: 'Run it again.' }))
    context.signal.throwIfAborted()
    return Promise.resolve(undefined)
  }
  expect((await runOne(work, { hooks: noting(), signal: stop.signal })).status).toBe(130)
  expect(toldTo()).toEqual(['before restore', 'failed restore failed 130 INTERRUPTED'])
})

test('within a hook no hooks run, nor around what only looks or runs on', async () => {
  await runOne(() => Promise.resolve(undefined), {
    hooks: noting(),
    environment: { HOLDFAST_HOOK: 'before' },
  })
  await runOne(() => Promise.resolve(undefined), { hooks: noting(), operation: undefined })
  await runOne(() => Promise.resolve(undefined), { hooks: noting(), operation: { withoutHooks: true } })
  expect(toldTo()).toEqual([])
})

test('of failures that come every second one is entered a minute, with how many there were', async () => {
  const counts: (number | undefined)[] = []
  for (const second of [0, 1, 2, 59, 61, 62, 200])
    counts.push(await countFailure(folder, 'wal push', second * 1000 + 1e9))
  expect(counts).toEqual([1, undefined, undefined, undefined, 4, undefined, 2])
  expect(await countFailure(folder, 'wal get', 1e9)).toBe(1)
  // A clock that was set back does not keep them out for long.
  expect(await countFailure(folder, 'wal push', 5e8)).toBe(1)
  writeFileSync(join(folder, 'segment-failures.json'), '{"wal push": 7')
  expect(await countFailure(folder, 'wal push', 1e9)).toBe(1)
  expect(readdirSync(folder)).toEqual(['segment-failures.json'])
})
