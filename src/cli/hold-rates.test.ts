import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { limits } from '../base/limits.ts'
import type { RateLimits } from '../base/rates.ts'
import { MiB, second } from '../base/units.ts'
import type { Clock } from '../base/world.ts'
import { limitsFileVariable } from '../control/limits-file.ts'
import { holdRates, type HeldRates } from './hold-rates.ts'

const never = new AbortController().signal
let folder = ''
let held: HeldRates | undefined
let notes: string[] = []
let nowMs = 0
let sleepers: (() => void)[] = []

/** Time that the test moves on by hand, since real files are read meanwhile. */
const clock: Clock = {
  now: () => nowMs,
  monotonicMs: () => nowMs,
  sleep: (_ms, signal) =>
    new Promise((resolve, reject) => {
      sleepers.push(resolve)
      signal.addEventListener('abort', () => {
        reject(new Error('stopped'))
      })
    }),
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-hold-'))
  notes = []
  nowMs = 0
  sleepers = []
})
afterEach(async () => {
  await held?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const path = (): string => join(folder, 'limits.json')

function say(file: Readonly<Record<string, unknown>>): void {
  writeFileSync(`${path()}.new`, JSON.stringify({ format: 1, stated: {}, changes: {}, ...file }))
  renameSync(`${path()}.new`, path())
}

async function hold(stated: RateLimits, isUnderAgent: boolean): Promise<HeldRates | undefined> {
  const environment = isUnderAgent ? { [limitsFileVariable]: path() } : {}
  held = await holdRates({ clock, progress: { note: text => notes.push(text) }, environment, stated })
  return held
}

/** Until it has looked again. */
async function look(): Promise<void> {
  nowMs += limits.rateLookMs
  const [wake] = sleepers.splice(0)
  wake?.()
  while (sleepers.length === 0) await new Promise(resolve => setImmediate(resolve))
}

test('without limits and without an agent nothing is counted', async () => {
  expect(await hold({}, false)).toBeUndefined()
})

test('by hand the configuration holds, and it is told', async () => {
  const rates = (await hold({ read: 8 * MiB, network: 4 * MiB }, false))?.rates
  expect(rates?.isLimited('read')).toBe(true)
  expect(notes).toEqual(['at most 8.0 MiB/s are read, and 4.0 MiB/s are sent and fetched'])
  expect(sleepers).toEqual([])
})

test('what the agent says holds instead, and each change is told once', async () => {
  say({ stated: { read: 8 * MiB } })
  const rates = (await hold({ read: 99 * MiB }, true))?.rates
  await look()
  say({ stated: { read: 8 * MiB }, changes: { read: { bytesPerSecond: null, untilMs: 10 * second } } })
  await look()
  expect(rates?.isLimited('read')).toBe(false)
  // What can not be read changes nothing.
  writeFileSync(path(), '{')
  await look()
  expect(rates?.isLimited('read')).toBe(false)
  // Its time is over, whether anybody says so or not.
  nowMs = 10 * second
  await look()
  expect(rates?.isLimited('read')).toBe(true)
  expect(notes).toEqual([
    'at most 8.0 MiB/s are read',
    'no rate is limited any more',
    'at most 8.0 MiB/s are read',
  ])
})

test('without a limit, a job that is to step back goes by what it did before', async () => {
  say({})
  const rates = (await hold({}, true))?.rates
  for (let i = 0; i < 30; i++) {
    await rates?.take('read', 10 * MiB, never)
    await look()
  }
  expect(notes).toEqual([])
  say({ share: 0.5 })
  await rates?.take('read', 10 * MiB, never)
  await look()
  say({ share: 0.25 })
  await look()
  say({ share: 1 })
  await look()
  expect(notes).toEqual([
    'at most 10.0 MiB/s are read',
    'at most 5.0 MiB/s are read',
    'no rate is limited any more',
  ])
})
